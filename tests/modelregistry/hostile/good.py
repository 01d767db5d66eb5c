"""Files that would be taken: what the corpus spoils; and estimators that say what is no text."""

from functools import cache
from typing import Literal

import numpy as np
import skl2onnx
from sklearn.datasets import load_iris
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder
from sklearn.tree import DecisionTreeClassifier

from modelregistry.formats.skops_format import save_estimator


@cache
def tree() -> DecisionTreeClassifier:
    rows, targets = load_iris(return_X_y=True)
    return DecisionTreeClassifier(max_depth=2, random_state=0).fit(rows, targets)


@cache
def skops_file() -> bytes:
    return save_estimator(tree())


@cache
def onnx_file() -> bytes:
    made = skl2onnx.to_onnx(tree(), np.zeros((1, 4), np.float32), options={"zipmap": False})
    data: bytes = made.SerializeToString()
    return data


def half_characters(place: Literal["label", "column", "category"]) -> bytes:
    """A tree that holds half of a character, which no encoding has, in that place."""
    half, rows = "x\ud800", [[0.0], [1.0]] * 5
    if place == "category":
        encoded = make_pipeline(OneHotEncoder(), DecisionTreeClassifier())
        return save_estimator(encoded.fit(np.array([[half], ["b"]] * 5, object), [0, 1] * 5))
    labels = np.array([half, "b"] * 5) if place == "label" else [0, 1] * 5
    found = DecisionTreeClassifier().fit(rows, labels)
    if place == "column":
        found.feature_names_in_ = np.array([half], object)
    return save_estimator(found)
