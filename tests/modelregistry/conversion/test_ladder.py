"""Estimators become ONNX with the project's names, or stay, with the reason."""

import numpy as np
import pytest
from sklearn.cluster import AffinityPropagation, KMeans
from sklearn.compose import ColumnTransformer
from sklearn.datasets import load_diabetes, load_iris
from sklearn.decomposition import PCA
from sklearn.ensemble import (
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    IsolationForest,
    RandomForestClassifier,
)
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.neighbors import NearestCentroid
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.svm import SVC, LinearSVC

from modelregistry.conversion.ladder import convert
from modelregistry.conversion.outcome import Conversion
from modelregistry.formats.estimators import classes_of
from modelregistry.formats.onnx_format import open_onnx
from modelregistry.formats.rows import Rows

IRIS, KINDS = load_iris(return_X_y=True)


def converted(estimator: object, rows: object = IRIS, targets: object = KINDS) -> Conversion:
    return convert(estimator.fit(rows, targets), samples=Rows.of(rows))


@pytest.mark.parametrize(
    ("estimator", "outputs"),
    [
        (RandomForestClassifier(5, random_state=0), {"label": "INT64", "probabilities": "FP32"}),
        (HistGradientBoostingClassifier(max_iter=5), {"label": "INT64", "probabilities": "FP32"}),
        (make_pipeline(StandardScaler(), SVC()), {"label": "INT64"}),
        (LinearSVC(), {"label": "INT64"}),
        (LinearRegression(), {"value": "FP32"}),
        (PCA(2), {"value": "FP32"}),
        (KMeans(3, random_state=0), {"label": "INT64", "scores": "FP32"}),
        (IsolationForest(n_estimators=5, random_state=0), {"label": "INT64", "scores": "FP32"}),
    ],
    ids=lambda value: type(value).__name__,
)
def test_outputs_have_the_projects_names(estimator: object, outputs: dict[str, str]) -> None:
    conversion = converted(estimator)
    assert conversion.parity.matches, conversion.reason
    signature = conversion.signature
    assert {spec.name: spec.datatype for spec in signature.outputs} == outputs
    assert [(spec.name, spec.shape) for spec in signature.inputs] == [("X", (-1, 4))]
    assert open_onnx(conversion.onnx).signature.outputs == signature.outputs


def test_string_labels_stay_strings() -> None:
    names = np.array(["setosa", "versicolor", "virginica"])[KINDS]
    conversion = converted(LogisticRegression(max_iter=1000), targets=names)
    assert conversion.signature.outputs[0].datatype == "BYTES"
    assert conversion.parity.first_onnx == ("setosa",) * 5


@pytest.mark.parametrize("kind", [bool, float])
def test_labels_that_are_booleans_or_whole_floats_answer_as_integers(kind: type) -> None:
    model = LogisticRegression().fit(IRIS, (KINDS == 1).astype(kind))
    assert classes_of(model) == (0, 1)
    conversion = convert(model, samples=Rows.of(IRIS))
    assert conversion.parity.matches
    assert all(isinstance(label, int) for label in conversion.parity.first_source)


def test_columns_of_text_become_one_input_each_and_unknown_words_answer_alike() -> None:
    table = np.array([[1.0, "a"], [2.0, "b"], [3.0, "a"], [4.0, "b"]] * 5, dtype=object)
    prepare = ColumnTransformer(
        [("kind", OneHotEncoder(handle_unknown="ignore"), [1]), ("size", StandardScaler(), [0])]
    )
    model = make_pipeline(prepare, LogisticRegression()).fit(table, ["no", "yes"] * 10)
    unknown = Rows.of(np.array([[2.5, "never seen"]], dtype=object), columns=["size", "kind"])
    conversion = convert(model, samples=Rows.of(table, columns=["size", "kind"]), heldout=unknown)
    inputs = [(spec.name, spec.datatype, spec.shape) for spec in conversion.signature.inputs]
    assert inputs == [("size", "FP32", (-1, 1)), ("kind", "BYTES", (-1, 1))]
    assert [part.rows for part in conversion.parity.sets if part.decides] == [20, 1]
    assert conversion.parity.matches


def test_what_float32_cannot_hold_climbs_to_float64() -> None:
    rows = 1e9 + np.arange(50.0).reshape(-1, 1)
    conversion = converted(LinearRegression(), rows, np.arange(50.0))
    assert conversion.signature.inputs[0].datatype == "FP64"
    assert conversion.parity.matches


def test_a_step_without_converter_is_named_and_the_source_serves() -> None:
    conversion = converted(make_pipeline(StandardScaler(), NearestCentroid()))
    assert conversion.onnx is None
    step = "The step 'nearestcentroid' (NearestCentroid) cannot be expressed in ONNX"
    assert step in conversion.reason
    assert conversion.signature.inputs[0].datatype == "FP64"
    assert conversion.parity.status == "none"


def test_a_clusterer_without_converter_stays_too() -> None:
    conversion = converted(AffinityPropagation(random_state=0))
    assert "AffinityPropagation" in conversion.reason


def test_a_conversion_that_answers_differently_is_not_taken() -> None:
    """Neighbouring rows that float32 cannot tell apart, and ONNX Runtime has no float64 trees."""
    rows = 1e8 + np.arange(40.0).reshape(-1, 1)
    booster = HistGradientBoostingRegressor(min_samples_leaf=1)
    conversion = converted(booster, rows, np.arange(40.0) % 7)
    assert conversion.onnx is None
    assert conversion.reason.startswith("In single precision 0 labels and 20 other answers of 40")
    assert "ONNX Runtime cannot load it" in conversion.reason
    assert (conversion.parity.status, conversion.parity.beyond) == ("mismatch", 20)


def test_scaled_boosting_differs_beside_thresholds_only() -> None:
    rows, targets = load_diabetes(return_X_y=True)
    model = make_pipeline(StandardScaler(), GradientBoostingRegressor(random_state=0))
    fitted = model.fit(rows[:331], targets[:331])
    conversion = convert(fitted, samples=Rows.of(rows[:331]), heldout=Rows.of(rows[331:]))
    assert conversion.parity.matches
    assert (conversion.parity.label_mismatches, conversion.parity.beyond) == (0, 0)
    assert 0 < conversion.parity.on_threshold < 20
    assert conversion.parity.max_abs_diff == conversion.parity.threshold_diff > 1e-2


def test_the_same_estimator_converts_to_the_same_bytes() -> None:
    model = RandomForestClassifier(3, random_state=0).fit(IRIS, KINDS)
    first, second = (convert(model, samples=Rows.of(IRIS)) for _ in range(2))
    assert first.onnx == second.onnx
