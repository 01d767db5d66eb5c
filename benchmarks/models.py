"""The models of the race as ONNX, rows to send them and the right answers to those."""

import warnings
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from skl2onnx import to_onnx
from sklearn.base import ClassifierMixin
from sklearn.datasets import load_breast_cancer, load_iris, make_classification
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from threadpoolctl import threadpool_limits

from predictions.measure.bodies import Row

CLEAR = 1e-3  # a winner ahead by less may lose in 32 bit sums
IN_TURN = 24  # different rows; one row again and again is answered from the processor's caches
MANY, MOST = 32, 64  # rows in a large request, and in one that is to cost as much as can be
Table = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    name: str
    onnx: bytes
    rows: list[Row]
    labels: list[int]
    singles: int  # the first so many rows are sent one by one


def small(count: int = 1000) -> Model:
    """The tutorial's forest of 10 trees over the 4 features of iris."""
    data, target = load_iris(return_X_y=True)
    forest = RandomForestClassifier(n_estimators=10, random_state=42)
    return _model("iris", forest, data, target, count, singles=count)


def medium(count: int = IN_TURN) -> Model:
    """100 trees over the 30 features of the breast cancer data."""
    data, target = load_breast_cancer(return_X_y=True)
    forest = RandomForestClassifier(n_estimators=100, random_state=42)
    return _model("medium", forest, data, target, count)


def large(count: int = IN_TURN * MANY) -> Model:
    """200 boosted trees over 50 made-up features; rows for 24 different requests of 32."""
    data, target = make_classification(1000, 50, n_informative=20, n_redundant=0, random_state=7)
    trees = HistGradientBoostingClassifier(max_iter=200, random_state=42)
    return _model("large", trees, data, target, count)


def dear(count: int = IN_TURN * MOST) -> Model:
    """1,000 trees over those 30 features: a run takes twenty times what reading its rows does."""
    data, target = load_breast_cancer(return_X_y=True)
    forest = RandomForestClassifier(n_estimators=1000, random_state=42)
    return _model("dear", forest, data, target, count)


MODELS: dict[str, Callable[[], Model]] = {
    "small": small,
    "medium": medium,
    "large": large,
    "dear": dear,
}


def _model(
    name: str,
    estimator: ClassifierMixin,
    data: Table,
    target: Table,
    count: int,
    *,
    singles: int = IN_TURN,
    seed: int = 7,
) -> Model:
    """`count` different rows, uniform within the data's ranges, that the model is sure about."""
    with threadpool_limits(1):  # boosting's threads spin where others use the processors
        estimator.fit(data, target)
    shape = (count * 2, data.shape[1])
    drawn = np.random.default_rng(seed).uniform(data.min(0), data.max(0), shape)
    rows = (drawn.round(2) + 0.003).round(3)  # never on a threshold of the iris forest
    second, first = np.sort(estimator.predict_proba(rows))[:, -2:].T
    sure = rows[first - second > CLEAR][:count]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # skl2onnx hands on numbers that protobuf warns of
        onnx = to_onnx(estimator, data[:1].astype(np.float32), options={"zipmap": False})
    return Model(
        name=name,
        onnx=onnx.SerializeToString(),
        rows=[tuple(row) for row in sure.tolist()],
        labels=estimator.predict(sure).tolist(),
        singles=singles,
    )
