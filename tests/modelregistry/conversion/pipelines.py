"""Pipelines people bring, each with rows: the first are for fitting, the others are new to it."""

from dataclasses import dataclass

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    RandomForestClassifier,
    StackingClassifier,
    VotingClassifier,
)
from sklearn.feature_extraction.text import CountVectorizer, HashingVectorizer, TfidfVectorizer
from sklearn.feature_selection import RFE
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.mixture import GaussianMixture
from sklearn.naive_bayes import GaussianNB, MultinomialNB
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import KBinsDiscretizer, OneHotEncoder, OrdinalEncoder, StandardScaler
from sklearn.svm import LinearSVC

from modelregistry.formats.signature import Tensor

RANDOM = np.random.default_rng(0)
COUNT, FITTED = 120, 80
COLUMNS = ("size", "city", "grade")


def table() -> Tensor:
    found = np.empty((COUNT, 3), dtype=object)
    found[:, 0] = RANDOM.uniform(20, 200, COUNT).round(1)
    found[:, 1] = RANDOM.choice(["Bern", "Rome", "Oslo"], COUNT)
    found[:, 2] = RANDOM.choice(["a", "b"], COUNT)
    return found


HOUSES = table()
DEAR = (HOUSES[:, 0].astype(float) > 100).astype(int)
UNSEEN = HOUSES.copy()
UNSEEN[FITTED::3, 1] = "Paris"
NO_SIZE = HOUSES.copy()
NO_SIZE[::7, 0] = np.nan
GAPS = NO_SIZE.copy()
GAPS[::5, 1] = np.nan
SAID = [
    "Good car, drives well",
    "Bad dog, bites",
    "good good day",
    "A day at sea",
    "the DOG",
    "sea",
]
TEXTS = np.array(SAID * 20, dtype=object).reshape(-1, 1)
LIKED = np.array([1, 0, 1, 1, 0, 0] * 20)
REVIEWS = np.hstack([HOUSES[:, :1], TEXTS])


def line() -> LogisticRegression:
    return LogisticRegression(max_iter=1000)


def prepared(number: object = None, kind: object = None) -> ColumnTransformer:
    kind = kind or OneHotEncoder(handle_unknown="ignore")
    return ColumnTransformer([("n", number or StandardScaler(), [0]), ("k", kind, [1, 2])])


def as_rare(fewest: int) -> OneHotEncoder:
    return OneHotEncoder(handle_unknown="infrequent_if_exist", min_frequency=fewest)


def votes() -> list[tuple[str, BaseEstimator]]:
    return [("line", line()), ("forest", RandomForestClassifier(5, random_state=0))]


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    model: BaseEstimator
    rows: Tensor
    targets: Tensor | None = None
    missing: tuple[str, ...] = ()  # columns in which null is allowed
    reason: str = ""  # why it is not ONNX that serves it

    @property
    def columns(self) -> tuple[str, ...]:
        return COLUMNS[: self.rows.shape[1]]


CASES = {
    "text columns, unseen categories ignored": Case(
        model=make_pipeline(prepared(), line()), rows=UNSEEN, targets=DEAR
    ),
    "unseen categories refused": Case(
        model=make_pipeline(prepared(kind=OneHotEncoder()), line()), rows=HOUSES, targets=DEAR
    ),
    "unseen categories among rare ones": Case(
        model=make_pipeline(prepared(kind=as_rare(35)), line()),
        rows=UNSEEN,
        targets=DEAR,
        reason="takes unseen categories for rare ones",
        missing=("city", "grade"),
    ),
    "unseen categories where none is rare": Case(
        model=make_pipeline(prepared(kind=as_rare(2)), line()), rows=UNSEEN, targets=DEAR
    ),
    "ordinal numbers, unseen categories refused": Case(
        model=make_pipeline(prepared(kind=OrdinalEncoder()), line()), rows=HOUSES, targets=DEAR
    ),
    "categories as ordinal numbers": Case(
        model=make_pipeline(
            prepared(
                kind=OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
            ),
            line(),
        ),
        rows=UNSEEN,
        targets=DEAR,
    ),
    "missing numbers": Case(
        model=make_pipeline(
            prepared(number=make_pipeline(SimpleImputer(), StandardScaler())), line()
        ),
        rows=NO_SIZE,
        targets=DEAR,
        missing=("size",),
    ),
    "missing texts": Case(
        model=make_pipeline(
            prepared(
                number=SimpleImputer(strategy="median"),
                kind=make_pipeline(
                    SimpleImputer(strategy="most_frequent"), OneHotEncoder(handle_unknown="ignore")
                ),
            ),
            line(),
        ),
        rows=GAPS,
        targets=DEAR,
        missing=COLUMNS,
        reason="missing values are string",
    ),
    "missing as a category of its own": Case(
        model=make_pipeline(
            prepared(number=SimpleImputer(), kind=OneHotEncoder(handle_unknown="ignore")), line()
        ),
        rows=GAPS,
        targets=DEAR,
        missing=COLUMNS,
        reason="fitted on missing texts, which ONNX has not",
    ),
    "boosting that takes gaps": Case(
        model=HistGradientBoostingClassifier(max_iter=10),
        rows=NO_SIZE[:, :1].astype(float),
        targets=DEAR,
        missing=("size",),
    ),
    "a forest that takes gaps": Case(
        model=RandomForestClassifier(10, random_state=0),
        rows=np.hstack([NO_SIZE[:, :1].astype(float), RANDOM.random((COUNT, 1))]),
        targets=LIKED,
        missing=("size", "city"),
        reason="asks whether a value is missing",
    ),
    "words weighed": Case(
        model=make_pipeline(TfidfVectorizer(), line()), rows=TEXTS, targets=LIKED
    ),
    "words counted": Case(
        model=make_pipeline(CountVectorizer(), MultinomialNB()), rows=TEXTS, targets=LIKED
    ),
    "words hashed": Case(
        model=make_pipeline(HashingVectorizer(n_features=64), line()),
        rows=TEXTS,
        targets=LIKED,
        reason="HashingVectorizer",
    ),
    "parts of words": Case(
        model=make_pipeline(TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 3)), line()),
        rows=TEXTS,
        targets=LIKED,
        reason="CountVectorizer cannot be converted",
    ),
    "two views of the words": Case(
        model=make_pipeline(
            FeatureUnion([("w", TfidfVectorizer()), ("c", CountVectorizer(binary=True))]), line()
        ),
        rows=TEXTS,
        targets=LIKED,
    ),
    "words beside numbers": Case(
        model=make_pipeline(
            ColumnTransformer([("n", StandardScaler(), [0]), ("t", TfidfVectorizer(), 1)]), line()
        ),
        rows=REVIEWS,
        targets=LIKED,
    ),
    "calibrated": Case(
        model=make_pipeline(prepared(), CalibratedClassifierCV(GaussianNB(), cv=2)),
        rows=HOUSES,
        targets=DEAR,
    ),
    "calibrated pipeline of text columns": Case(
        model=CalibratedClassifierCV(make_pipeline(prepared(), LinearSVC()), cv=2),
        rows=UNSEEN,
        targets=DEAR,
        reason="SklearnCalibratedClassifierCV",
        missing=("city", "grade"),
    ),
    "a vote": Case(
        model=make_pipeline(prepared(), VotingClassifier(votes(), voting="soft")),
        rows=UNSEEN,
        targets=DEAR,
    ),
    "a vote of pipelines": Case(
        model=VotingClassifier([(n, make_pipeline(prepared(), m)) for n, m in votes()]),
        rows=UNSEEN,
        targets=DEAR,
    ),
    "a stack": Case(
        model=make_pipeline(prepared(), StackingClassifier(votes(), cv=2)),
        rows=UNSEEN,
        targets=DEAR,
    ),
    "numbers in bins": Case(
        model=make_pipeline(prepared(number=KBinsDiscretizer(3)), line()), rows=UNSEEN, targets=DEAR
    ),
    "a selection that predicts": Case(
        model=make_pipeline(StandardScaler(), RFE(line())),
        rows=RANDOM.random((COUNT, 3)),
        targets=DEAR,
    ),
    "groups found in scaled rows": Case(
        model=make_pipeline(StandardScaler(), GaussianMixture(3, random_state=0)),
        rows=RANDOM.random((COUNT, 3)),
    ),
}  # fmt: skip


def fitted(case: Case) -> BaseEstimator:
    first = case.rows[:FITTED]
    if case.rows.dtype == object and (first == "Paris").any():
        raise AssertionError("unseen categories must be unseen")
    textual = case.rows is TEXTS
    targets = None if case.targets is None else case.targets[:FITTED]
    return case.model.fit(first.ravel() if textual else first, targets)
