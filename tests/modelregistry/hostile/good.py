"""Two files that would be taken: what the corpus spoils."""

from functools import cache

import numpy as np
import skl2onnx
from sklearn.datasets import load_iris
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
