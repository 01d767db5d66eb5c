"""The model of the race: the tutorial's forest as ONNX, rows to send and their right answers."""

from dataclasses import dataclass

import numpy as np
from skl2onnx import to_onnx
from sklearn.datasets import load_iris
from sklearn.ensemble import RandomForestClassifier

from predictions.measure.bodies import Row

CLEAR = 1e-3  # a winner ahead by less may lose in 32 bit sums


@dataclass(frozen=True, slots=True, kw_only=True)
class Iris:
    onnx: bytes
    rows: list[Row]
    labels: list[int]


def iris(count: int, *, seed: int = 7) -> Iris:
    """`count` different rows, uniform within the data's range, that the forest is sure about."""
    data, target = load_iris(return_X_y=True)
    forest = RandomForestClassifier(n_estimators=10, random_state=42).fit(data, target)
    drawn = np.random.default_rng(seed).uniform(data.min(0), data.max(0), (count * 2, 4))
    rows = (drawn.round(2) + 0.003).round(3)  # never on a threshold of the forest
    second, first = np.sort(forest.predict_proba(rows))[:, -2:].T
    sure = rows[first - second > CLEAR][:count]
    model = to_onnx(forest, data[:1].astype(np.float32), options={"zipmap": False})
    return Iris(
        onnx=model.SerializeToString(),
        rows=[tuple(row) for row in sure.tolist()],
        labels=forest.predict(sure).tolist(),
    )
