"""The example models, trained from data that ships with scikit-learn or is made here."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from sklearn.compose import ColumnTransformer
from sklearn.datasets import load_diabetes, load_iris
from sklearn.ensemble import GradientBoostingRegressor, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from modelregistry.formats.estimators import Estimator
from modelregistry.formats.rows import Rows
from modelregistry.formats.signature import Tensor
from modelregistry.formats.skops_format import save_estimator

SEED = 42
IRIS_COLUMNS = ("sepal_length_cm", "sepal_width_cm", "petal_length_cm", "petal_width_cm")
CHURN_COLUMNS = ("tenure_months", "monthly_charges", "contract", "payment_method", "support_calls")
CONTRACTS = ("monthly", "one-year", "two-year")
PAYMENTS = ("card", "cheque", "transfer")


@dataclass(frozen=True, slots=True, kw_only=True)
class Trained:
    estimator: Estimator
    samples: Rows
    heldout: Rows | None

    @property
    def skops(self) -> bytes:
        """The estimator as the file a user would hand in."""
        return save_estimator(self.estimator)


def train_iris() -> Trained:
    """The tutorial's forest: fitted on all rows, answers whole numbers."""
    rows, targets = load_iris(return_X_y=True)
    forest = RandomForestClassifier(n_estimators=10, random_state=SEED).fit(rows, targets)
    samples = Rows.of(rows, columns=IRIS_COLUMNS, targets=targets)
    return Trained(estimator=forest, samples=samples, heldout=None)


def train_diabetes() -> Trained:
    """Boosted trees behind a scaler: a regression whose thresholds float32 can miss."""
    data = load_diabetes()
    pipeline = Pipeline(
        [("scale", StandardScaler()), ("boost", GradientBoostingRegressor(random_state=SEED))]
    )
    return _split_and_fit(pipeline, data.data, data.target, tuple(data.feature_names))


def train_churn() -> Trained:
    """Numbers and categories in one row, labels "no" and "yes"; new categories are let pass."""
    rows, targets = churn_table(np.random.default_rng(SEED), count=600)
    prepare = ColumnTransformer(
        [
            ("categories", OneHotEncoder(handle_unknown="ignore"), [2, 3]),
            ("numbers", StandardScaler(), [0, 1, 4]),
        ]
    )
    pipeline = Pipeline([("prepare", prepare), ("predict", LogisticRegression())])
    return _split_and_fit(pipeline, rows, targets, CHURN_COLUMNS)


def churn_table(generator: np.random.Generator, *, count: int) -> tuple[Tensor, Tensor]:
    """Made-up customers of a telephone company, and whether they left."""
    tenure = generator.integers(1, 73, count)
    charges = generator.uniform(18, 120, count).round(2)
    contract = generator.choice(CONTRACTS, count, p=[0.55, 0.25, 0.2])
    payment = generator.choice(PAYMENTS, count)
    calls = generator.poisson(1.4, count)
    pull = 0.02 * (charges - 60) + 0.5 * calls - 0.05 * tenure + 1.2 * (contract == "monthly")
    leaves = generator.random(count) < 1 / (1 + np.exp(-pull))
    rows = np.empty((count, len(CHURN_COLUMNS)), dtype=object)
    for index, column in enumerate((tenure, charges, contract, payment, calls)):
        rows[:, index] = column.tolist()
    return rows, np.where(leaves, "yes", "no")


def _split_and_fit(
    pipeline: Estimator, rows: Tensor, targets: Tensor, columns: tuple[str, ...]
) -> Trained:
    """Fitted on three quarters; the rest is held out for metrics and parity."""
    seen, unseen, seen_targets, unseen_targets = train_test_split(rows, targets, random_state=SEED)
    return Trained(
        estimator=pipeline.fit(seen, seen_targets),
        samples=Rows.of(seen, columns=columns, targets=seen_targets),
        heldout=Rows.of(unseen, columns=columns, targets=unseen_targets),
    )


TRAINERS: dict[str, Callable[[], Trained]] = {
    "iris": train_iris,
    "diabetes": train_diabetes,
    "churn": train_churn,
}
