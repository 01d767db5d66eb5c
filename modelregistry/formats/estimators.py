"""What a fitted scikit-learn estimator is and answers, in our words: task, classes, outputs.

Imports scikit-learn, so only what runs or converts estimators may import it.
"""

from collections.abc import Iterator
from functools import partial
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType, NoneType
from typing import Any, TypeAlias

import numpy as np
from sklearn.base import (
    BaseEstimator,
    is_classifier,
    is_clusterer,
    is_outlier_detector,
    is_regressor,
)
from sklearn.feature_extraction import DictVectorizer, FeatureHasher
from sklearn.feature_extraction.image import PatchExtractor
from sklearn.feature_extraction.text import CountVectorizer, HashingVectorizer
from sklearn.preprocessing import LabelBinarizer, LabelEncoder, MultiLabelBinarizer

from modelregistry.formats.rows import Rows, numbered
from modelregistry.formats.runtime import ClassLabel, FormatError, Task
from modelregistry.formats.signature import DTYPES, Datatype, Signature, Tensor, TensorSpec

Estimator: TypeAlias = Any  # scikit-learn is untyped; what an estimator offers is asked for
MATRIX = "X"
SEVERAL_TARGETS = "classifiers with several targets, or several labels a row, are not served."
# Those that take no rows, and what they take instead.
NO_ROWS = (
    ((LabelBinarizer, LabelEncoder, MultiLabelBinarizer), "it transforms targets, not rows."),
    ((DictVectorizer, FeatureHasher), "it takes dictionaries, not rows of columns."),
    ((PatchExtractor,), "it takes images, not rows of columns."),
)
# What holds nothing of an estimator's.
LEAVES = (
    str, bytes, int, float, NoneType, np.generic, type, FunctionType, BuiltinFunctionType,
    ModuleType,
)  # fmt: skip


def task_of(estimator: Estimator) -> Task:
    """What the estimator does. Raises FormatError where it can answer no new rows."""
    if is_classifier(estimator):
        return "classification"
    if is_regressor(estimator):
        return "regression"
    if is_outlier_detector(estimator) and hasattr(estimator, "predict"):
        return "outlier"
    if is_clusterer(estimator) and hasattr(estimator, "predict"):
        return "clustering"
    if hasattr(estimator, "predict_proba"):  # a mixture: groups that it found itself
        return "clustering"
    if hasattr(estimator, "transform"):
        return "transform"
    raise FormatError("it can neither predict nor transform new rows.")


def classes_of(estimator: Estimator) -> tuple[ClassLabel, ...] | None:
    """A classifier's labels in the order of its probabilities; 1.0 and True come as 1."""
    if task_of(estimator) != "classification":
        return None
    if isinstance(estimator.classes_, list) or np.ndim(estimator.classes_) != 1:
        raise FormatError(SEVERAL_TARGETS)
    labels: list[ClassLabel] = np.asarray(estimator.classes_).tolist()
    return tuple(label if isinstance(label, str) else int(label) for label in labels)


def output_names(estimator: Estimator) -> tuple[str, ...]:
    """The names of its answers; the first is the prediction."""
    match task_of(estimator):
        case "classification":
            return ("label", "probabilities") if _has_probabilities(estimator) else ("label",)
        case "clustering":
            if _has_probabilities(estimator):
                return ("label", "probabilities")
            return ("label", "scores") if hasattr(estimator, "transform") else ("label",)
        case "outlier":
            return ("label", "scores")
        case _:
            return ("value",)


def answer(estimator: Estimator, output: str, rows: Tensor) -> Tensor:
    """One answer for `rows`: labels as [n], everything else as [n, k]."""
    found = getattr(estimator, _method(estimator, output))(as_taken(estimator, rows))
    dense = found.toarray() if hasattr(found, "toarray") else np.asarray(found)
    return dense if output == "label" else dense.reshape(len(rows), -1)


def shaped(estimator: Estimator, spec: TensorSpec, rows: Tensor) -> Tensor:
    """That answer in the datatype and shape of `spec`; labels that are 1.0 or True become 1."""
    found = answer(estimator, spec.name, rows).astype(DTYPES[spec.datatype], copy=False)
    return found.reshape(len(rows), *spec.shape[1:])


def margins(estimator: Estimator, rows: Tensor) -> Tensor:
    """For each row, how far the best label's score lies ahead of the next; inf if unknown."""
    rows = as_taken(estimator, rows)
    if _has_probabilities(estimator):
        return _lead(estimator.predict_proba(rows))
    if hasattr(estimator, "decision_function"):
        return _lead(estimator.decision_function(rows))
    if task_of(estimator) == "clustering" and hasattr(estimator, "transform"):
        return _lead(-estimator.transform(rows))
    return np.full(len(rows), np.inf)


def as_taken(estimator: Estimator, rows: Tensor) -> Tensor:
    """[rows, columns] as it is; a text vectoriser takes one text after the other instead."""
    return rows.reshape(-1) if _takes_texts(estimator) else rows


def input_specs(rows: Rows, number: Datatype) -> tuple[TensorSpec, ...]:
    """One matrix, or one tensor a column where columns hold text; `number` is for the numbers."""
    if not any(rows.textual):
        return (TensorSpec(name=MATRIX, datatype=number, shape=(-1, len(rows.columns))),)
    return tuple(
        TensorSpec(name=name, datatype="BYTES" if textual else number, shape=(-1, 1))
        for name, textual in zip(rows.columns, rows.textual, strict=True)
    )


def source_signature(estimator: Estimator, rows: Rows) -> Signature:
    """The signature the estimator itself has, with double precision; `rows` say its columns."""
    table = rows.matrix()[:2]
    outputs = tuple(
        _output_spec(name, answer(estimator, name, table)) for name in output_names(estimator)
    )
    inputs = input_specs(rows, "FP64")
    return Signature(inputs=inputs, outputs=outputs, columns=rows.columns)


def column_names(estimator: Estimator) -> tuple[str, ...]:
    """The columns it was fitted on: by name if it knows them, else x0, x1, ..."""
    for part in parts(estimator):
        names = getattr(part, "feature_names_in_", None)
        if names is not None:
            return tuple(str(name) for name in names)
    return numbered(width_of(estimator))


def width_of(estimator: Estimator) -> int:
    """How many columns a row has. Raises FormatError where the estimator does not know."""
    width = getattr(estimator, "n_features_in_", None)
    if width is not None:
        return int(width)
    for kinds, fault in NO_ROWS:
        if any(isinstance(part, kinds) for part in parts(estimator)):
            raise FormatError(fault)
    if _takes_texts(estimator) or hasattr(estimator, "X_min_"):  # isotonic: one column
        return 1
    raise FormatError("it does not know how many columns it was fitted on; is it fitted?")


def by_position(estimator: Estimator) -> Estimator:
    """The estimator, made to take columns by position: arrays carry no names.

    One that was fitted on a data frame keeps its column names in ColumnTransformers, which then
    refuse arrays, and in `feature_names_in_`, which then warns at every call.
    """
    for part in parts(estimator):
        if hasattr(part, "_transformer_to_input_indices"):
            places = part._transformer_to_input_indices
            part.transformers_ = [
                (name, step, _places(columns, places.get(name, columns)))
                for name, step, columns in part.transformers_
            ]
        if "feature_names_in_" in vars(part):
            del part.feature_names_in_
    return estimator


def parts(found: object) -> Iterator[Estimator]:
    """The estimator and every estimator inside it, outermost first."""
    return (each for each in inside(found) if isinstance(each, BaseEstimator))


def inside(found: object) -> Iterator[object]:
    """The object and everything it holds, however deep, outermost first, each once."""
    seen: dict[int, object] = {}  # keeps them, or an id could be given out again
    waiting = [found]
    while waiting:
        each = waiting.pop()
        if isinstance(each, LEAVES) or id(each) in seen:
            continue
        seen[id(each)] = each
        yield each
        waiting.extend(reversed(_held(each)))


def _held(each: object) -> list[object]:
    """What the object holds directly."""
    held = list(getattr(each, "__dict__", {}).values())
    if isinstance(each, dict):
        held += each.values()
    if isinstance(each, list | tuple | set | frozenset):
        held += each
    if isinstance(each, np.ndarray) and each.dtype == object:
        held += each.ravel().tolist()
    if isinstance(each, partial):
        held += [each.func, each.args, each.keywords]
    if isinstance(each, MethodType):
        held.append(each.__self__)
    return held


def _takes_texts(estimator: Estimator) -> bool:
    """A text vectoriser comes first; to one in a ColumnTransformer its column is given."""
    if hasattr(estimator, "n_features_in_"):
        return False
    return any(isinstance(part, CountVectorizer | HashingVectorizer) for part in parts(estimator))


def _places(columns: object, places: Any) -> Any:
    """Columns by position; one that was named alone stays alone: it is given as a list of texts."""
    return places[0] if isinstance(columns, str | int) else places


def _has_probabilities(estimator: Estimator) -> bool:
    return hasattr(estimator, "predict_proba") and not is_regressor(estimator)


def _method(estimator: Estimator, output: str) -> str:
    if output == "probabilities":
        return "predict_proba"
    if output == "scores":
        return "transform" if task_of(estimator) == "clustering" else "decision_function"
    return "transform" if task_of(estimator) == "transform" else "predict"


def _lead(scores: Tensor) -> Tensor:
    if scores.ndim == 1:
        return np.asarray(np.abs(scores))
    if scores.shape[1] == 1:
        return np.full(len(scores), np.inf)
    best = np.sort(scores, axis=1)
    return np.asarray(best[:, -1] - best[:, -2])


def _output_spec(name: str, found: Tensor) -> TensorSpec:
    datatype: Datatype = "FP64"
    if name == "label":
        if found.ndim != 1:
            raise FormatError(SEVERAL_TARGETS)
        datatype = "BYTES" if found.dtype.kind in "OUS" else "INT64"
    return TensorSpec(name=name, datatype=datatype, shape=(-1, *found.shape[1:]))
