"""Small trained models for tests, and versions of them."""

from functools import cache

import numpy as np
from sklearn.compose import ColumnTransformer
from sklearn.datasets import load_iris
from sklearn.ensemble import RandomForestRegressor
from sklearn.linear_model import LinearRegression
from sklearn.neighbors import NearestCentroid
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.tree import DecisionTreeClassifier

from modelregistry import services
from modelregistry.formats.rows import Rows
from modelregistry.formats.skops_format import save_estimator
from modelregistry.models import ModelVersion

ROWS, TARGETS = load_iris(return_X_y=True)
SAMPLES = Rows.of(ROWS, targets=TARGETS)


@cache
def tree_file(depth: int = 2) -> bytes:
    """A .skops file of a classifier that converts to ONNX."""
    return save_estimator(
        DecisionTreeClassifier(max_depth=depth, random_state=0).fit(ROWS, TARGETS)
    )


@cache
def centroid_file() -> bytes:
    """A .skops file of a classifier that has no ONNX form."""
    return save_estimator(NearestCentroid().fit(ROWS, TARGETS))


@cache
def regression_file() -> bytes:
    return save_estimator(LinearRegression().fit(ROWS, ROWS @ np.arange(4.0)))


@cache
def onnx_file() -> bytes:
    """An .onnx file, as another tool would hand it in."""
    from modelregistry.ingestion.opening import convert_source, read_source

    converted = convert_source(read_source(tree_file(), samples=SAMPLES)).onnx
    assert converted is not None
    return converted


@cache
def houses() -> tuple[bytes, Rows]:
    """A .skops file of a scaled forest, and its rows: many lie on its thresholds in float32."""
    random = np.random.default_rng(0)
    area, rooms = random.uniform(30, 200, 400).round(), random.integers(1, 7, 400)
    city = random.choice(["Bern", "Rome"], 400)
    price = (2000 * area + 9000 * rooms + random.normal(0, 20_000, 400)).round()
    table = np.empty((400, 3), dtype=object)
    table[:, 0], table[:, 1], table[:, 2] = area, rooms.astype(float), city
    prepare = ColumnTransformer([("n", StandardScaler(), [0, 1]), ("c", OneHotEncoder(), [2])])
    forest = RandomForestRegressor(10, min_samples_leaf=5, random_state=0)
    model = make_pipeline(prepare, forest).fit(table, price)
    return save_estimator(model), Rows.of(table, columns=("area", "rooms", "city"), targets=price)


def tree_version(name: str = "plants", depth: int = 2) -> ModelVersion:
    return services.register_version(
        model_name=name, data=tree_file(depth), samples=SAMPLES, create_missing=True
    )


def centroid_version(name: str = "plants") -> ModelVersion:
    return services.register_version(
        model_name=name, data=centroid_file(), samples=SAMPLES, create_missing=True
    )


def onnx_version(name: str = "foreign") -> ModelVersion:
    return services.register_version(model_name=name, data=onnx_file(), create_missing=True)
