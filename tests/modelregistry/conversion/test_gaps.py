"""In which columns a value may be missing: what rows on thresholds answer does not speak against
it, and wide rows take no minutes."""

import time
from typing import Any

import numpy as np
import pytest
from sklearn.base import BaseEstimator
from sklearn.datasets import load_diabetes, load_iris
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from modelregistry.conversion.budget import Budget
from modelregistry.conversion.ladder import convert
from modelregistry.conversion.options import Options
from modelregistry.formats.rows import Rows
from modelregistry.formats.skops_format import save_estimator
from modelregistry.ingestion.opening import convert_source, describe_estimator, read_source

DIABETES, OUTCOMES = load_diabetes(return_X_y=True)
IRISES, KINDS = load_iris(return_X_y=True)


def imputing(*steps: BaseEstimator) -> BaseEstimator:
    return make_pipeline(SimpleImputer(), *steps)


@pytest.mark.parametrize(
    ("estimator", "rows", "targets", "budget"),
    [
        (imputing(StandardScaler(), RandomForestRegressor(20, random_state=0)), DIABETES, OUTCOMES,
         Budget()),
        (imputing(StandardScaler(), LinearRegression()), DIABETES * 1000 + 1e5, OUTCOMES,
         Budget(tolerance=0.01)),
        (imputing(RandomForestClassifier(20, random_state=0)), IRISES[:, :2], KINDS, Budget()),
    ],
    ids=["on thresholds", "a wider budget", "on a grid"],
)  # fmt: skip
def test_an_imputer_takes_gaps_in_every_column(
    estimator: Any, rows: np.ndarray, targets: np.ndarray, budget: Budget
) -> None:
    file = save_estimator(estimator.fit(rows, targets))
    source = read_source(file, samples=Rows.of(rows))
    conversion = convert_source(source, budget=budget)
    assert conversion.onnx is not None
    assert conversion.signature.missing == tuple(f"x{place}" for place in range(rows.shape[1]))


def test_without_an_imputer_no_column_takes_any() -> None:
    line = make_pipeline(StandardScaler(), LinearRegression()).fit(DIABETES, OUTCOMES)
    source = describe_estimator(line, samples=Rows.of(DIABETES))
    assert convert_source(source).signature.missing == ()


def test_wide_rows_that_differ_are_given_up_in_seconds() -> None:
    """In single precision all of a thousand rows are out of tolerance."""
    random = np.random.default_rng(0)
    rows = random.normal(size=(1000, 784)) * 1000 + 1e5
    ridge = Ridge().fit(rows, random.normal(size=1000))
    began = time.process_time()
    found = convert(ridge, samples=Rows.of(rows), options=Options(dtypes=("FP32",)))
    assert found.onnx is None
    assert time.process_time() - began < 120  # a neighbour for each column of each row: 360
