"""How well an estimator answers rows whose targets are known."""

from math import isfinite

import numpy as np
from sklearn.metrics import accuracy_score, mean_absolute_error, r2_score

from modelregistry.formats.estimators import Estimator, answer, task_of
from modelregistry.formats.rows import Rows


def score(estimator: Estimator, rows: Rows) -> dict[str, float]:
    """Accuracy of a classifier, R2 and mean absolute error of a regressor; else nothing.

    What these rows do not define, as R2 of a single row, is left out. Raises ValueError where the
    targets are of another kind than the answers.
    """
    task = task_of(estimator)
    if rows.targets is None or task not in ("classification", "regression"):
        return {}
    targets = np.array(rows.targets)
    if task == "classification":
        return {
            "accuracy": float(accuracy_score(targets, answer(estimator, "label", rows.matrix())))
        }
    found = answer(estimator, "value", rows.matrix())
    if not np.isfinite(found).all():
        return {}
    measures = {"r2": r2_score} if len(rows) > 1 else {}
    measures |= {"mean_absolute_error": mean_absolute_error}
    scores = {name: float(measure(targets, found)) for name, measure in measures.items()}
    return {name: value for name, value in scores.items() if isfinite(value)}
