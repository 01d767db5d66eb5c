"""Estimators travel in .skops files; only types on our own list are loaded."""

import functools
import logging
import os
import zipfile
from io import BytesIO

import numpy as np
import pytest
from sklearn.calibration import CalibratedClassifierCV
from sklearn.cluster import Birch
from sklearn.ensemble import (
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
    StackingClassifier,
)
from sklearn.feature_selection import SelectKBest
from sklearn.gaussian_process import GaussianProcessClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, SplineTransformer

from modelregistry.formats.estimators import classes_of, source_signature
from modelregistry.formats.rows import Rows
from modelregistry.formats.runtime import FormatError, RowsRefused
from modelregistry.formats.skops_format import load_estimator, open_skops, save_estimator

ROWS = np.random.default_rng(3).random((80, 3))
LABELS = (ROWS[:, 0] + ROWS[:, 1] > 1).astype(int)


@pytest.mark.parametrize(
    "estimator",
    [
        RandomForestClassifier(n_estimators=3, random_state=0),
        GradientBoostingClassifier(n_estimators=3),
        HistGradientBoostingClassifier(max_iter=3),
        KNeighborsClassifier(metric="manhattan"),
        KNeighborsClassifier(algorithm="ball_tree"),
        CalibratedClassifierCV(LogisticRegression()),
        GridSearchCV(LogisticRegression(), {"C": [1, 2]}, scoring="f1"),
        GaussianProcessClassifier(),
        MLPClassifier(max_iter=400, random_state=0, tol=1e-2),
        StackingClassifier([("a", LogisticRegression())]),
        make_pipeline(SplineTransformer(), SelectKBest(k=2), LogisticRegression()),
    ],
    ids=lambda estimator: type(estimator).__name__,
)
def test_an_estimator_answers_after_the_journey_as_before(estimator: object) -> None:
    fitted = estimator.fit(ROWS, LABELS)
    signature = source_signature(fitted, Rows.of(ROWS))
    runtime = open_skops(save_estimator(fitted), signature=signature, classes=classes_of(fitted))
    label, probabilities = runtime.run({"X": ROWS}, ["label", "probabilities"])
    assert np.array_equal(label, fitted.predict(ROWS))
    assert np.array_equal(probabilities, fitted.predict_proba(ROWS))
    assert runtime.classes == (0, 1)


@pytest.mark.parametrize("function", [os.system, functools.partial(os.system, "true")])
def test_a_function_of_the_files_choice_is_refused_by_name(function: object) -> None:
    data = save_estimator(FunctionTransformer(function))
    with pytest.raises(FormatError, match=r"not trusted: posix\.system"):
        load_estimator(data)


def test_a_type_of_the_files_choice_is_refused_even_among_trusted_ones() -> None:
    forest = RandomForestClassifier(n_estimators=1).fit(ROWS, LABELS)
    forest.extra = zipfile.ZipInfo  # a class that has no business in a model
    with pytest.raises(FormatError, match="not trusted") as refused:
        load_estimator(save_estimator(forest))
    assert "sklearn.tree._tree.Tree" not in str(refused.value)


def archive(**members: str) -> bytes:
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w") as written:
        for name, content in members.items():
            written.writestr(name.replace("_json", ".json"), content)
    return buffer.getvalue()


@pytest.mark.parametrize(
    "data",
    [
        b"PK\x03\x04 but nothing more",
        archive(other="x"),
        archive(schema_json="{}"),
        archive(schema_json="not json"),
        archive(schema_json='{"__class__": "int"}'),
        archive(schema_json='{"__loader__": "NoSuchNode", "protocol": 2}'),
        archive(schema_json="[" * 5000),
        save_estimator(LogisticRegression())[:-30],
    ],
)
def test_a_damaged_file_is_refused(data: bytes) -> None:
    with pytest.raises(FormatError, match="damaged"):
        load_estimator(data)


def test_what_skops_cannot_hold_is_said() -> None:
    with pytest.raises(FormatError, match="cannot save"):
        save_estimator(Birch(threshold=0.1).fit(ROWS))


def test_refused_rows_leave_the_estimators_own_words_in_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    fitted = LogisticRegression().fit(ROWS, LABELS)
    runtime = open_skops(save_estimator(fitted), signature=source_signature(fitted, Rows.of(ROWS)))
    with caplog.at_level(logging.INFO), pytest.raises(RowsRefused):
        runtime.run({"X": np.full((1, 3), np.nan)}, ["label"])
    assert "Input X contains NaN" in caplog.text
