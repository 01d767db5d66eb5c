"""Every estimator of scikit-learn, fitted, saved, registered and converted: what came of each."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, is_regressor
from sklearn.datasets import load_diabetes, load_iris
from sklearn.experimental import (  # noqa: F401 (their import lists what they switch on)
    enable_halving_search_cv,
    enable_iterative_imputer,
)
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.preprocessing import StandardScaler
from sklearn.utils import all_estimators

from modelregistry.conversion.outcome import Conversion
from modelregistry.errors import RefusedFile
from modelregistry.formats.estimators import output_names
from modelregistry.formats.opening import open_runtime
from modelregistry.formats.rows import Rows
from modelregistry.formats.runtime import FormatError
from modelregistry.formats.signature import Tensor
from modelregistry.formats.skops_format import save_estimator
from modelregistry.ingestion.opening import convert_source, read_source
from modelregistry.ingestion.source import Source

ESTIMATORS: dict[str, type[BaseEstimator]] = dict(all_estimators())
HELD_OUT = 30
CLOSE = 1e-4  # absolute or relative
METHODS = {
    "label": "predict",
    "value": "predict",
    "probabilities": "predict_proba",
    "scores": "decision_function",
}

RANDOM = np.random.default_rng(0)
CHOSEN = RANDOM.permutation(150)[:90]
IRIS = tuple(array[CHOSEN] for array in load_iris(return_X_y=True))
DIABETES = tuple(array[:90] for array in load_diabetes(return_X_y=True))
BINARY = (IRIS[0], (IRIS[1] > 0).astype(int))
PAIRS = (IRIS[0], IRIS[0][:, :2])
LABELLED = (IRIS[0], np.column_stack([IRIS[1] > 0, IRIS[1] > 1]).astype(int))
GAPS = (np.where(RANDOM.random(IRIS[0].shape) < 0.1, np.nan, IRIS[0]), IRIS[1])
SAID = ["Good car", "bad dog", "good, good day", "a day at sea", "the Dog and car", "Bad sea"]
TEXTS = (np.array(SAID * 15, dtype=object),)
DICTIONARIES = ([{"a": 1.0}, {"b": 2.0}] * 45,)

# What they are fitted on, where it is neither iris nor, for regressors, diabetes.
FITTED_ON: dict[str, tuple[Any, ...]] = {
    **dict.fromkeys(["CountVectorizer", "HashingVectorizer", "TfidfVectorizer"], TEXTS),
    **dict.fromkeys(["SimpleImputer", "KNNImputer", "IterativeImputer", "MissingIndicator"], GAPS),
    **dict.fromkeys(["FixedThresholdClassifier", "TunedThresholdClassifierCV"], BINARY),
    **dict.fromkeys(["ClassifierChain", "MultiOutputClassifier"], LABELLED),
    **dict.fromkeys(["MultiTaskElasticNet", "MultiTaskElasticNetCV"], PAIRS),
    **dict.fromkeys(["MultiTaskLasso", "MultiTaskLassoCV", "MultiOutputRegressor"], PAIRS),
    **dict.fromkeys(["RegressorChain", "CCA", "PLSCanonical", "PLSSVD"], PAIRS),
    **dict.fromkeys(["LabelBinarizer", "LabelEncoder"], (IRIS[1],)),
    **dict.fromkeys(["DictVectorizer", "FeatureHasher"], DICTIONARIES),
    "IsotonicRegression": (DIABETES[0][:, 2:3], DIABETES[1]),
    "KernelCenterer": (IRIS[0] @ IRIS[0].T,),
    "MultiLabelBinarizer": ([[kind] for kind in IRIS[1]],),
    "PatchExtractor": (RANDOM.random((90, 8, 8)),),
}
LINE = LogisticRegression(max_iter=1000)
# Arguments of those that cannot be made, or cannot be fitted on so little, without any.
ARGUMENTS: dict[str, Callable[[], dict[str, Any]]] = {
    **dict.fromkeys(
        [
            "ClassifierChain", "FixedThresholdClassifier", "MultiOutputClassifier",
            "OneVsOneClassifier", "OneVsRestClassifier", "OutputCodeClassifier", "RFE", "RFECV",
            "SelectFromModel", "SelfTrainingClassifier", "SequentialFeatureSelector",
            "TunedThresholdClassifierCV",
        ],
        lambda: {"estimator": LINE},
    ),
    **dict.fromkeys(["MultiOutputRegressor", "RegressorChain"], lambda: {"estimator": Ridge()}),
    **dict.fromkeys(
        ["StackingClassifier", "VotingClassifier"], lambda: {"estimators": [("l", LINE)]}
    ),
    **dict.fromkeys(
        ["StackingRegressor", "VotingRegressor"], lambda: {"estimators": [("r", Ridge())]}
    ),
    **dict.fromkeys(
        ["GridSearchCV", "HalvingGridSearchCV"],
        lambda: {"estimator": LINE, "param_grid": {"C": [1, 2]}},
    ),
    "HalvingRandomSearchCV": lambda: {"estimator": LINE, "param_distributions": {"C": [1, 2, 3]}},
    "RandomizedSearchCV": lambda: {
        "estimator": LINE,
        "param_distributions": {"C": [1, 2]},
        "n_iter": 2,
    },
    "HashingVectorizer": lambda: {"n_features": 64},  # its answers are dense here
    **dict.fromkeys(
        ["GaussianRandomProjection", "SparseRandomProjection"], lambda: {"n_components": 2}
    ),
    "ColumnTransformer": lambda: {
        "transformers": [("s", StandardScaler(), [0, 1]), ("p", "passthrough", [2])]
    },
    "FeatureUnion": lambda: {"transformer_list": [("s", StandardScaler())]},
    "FrozenEstimator": lambda: {"estimator": LINE.fit(*IRIS)},
    "Pipeline": lambda: {"steps": [("s", StandardScaler()), ("l", LINE)]},
    "SparseCoder": lambda: {"dictionary": np.eye(4)},
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of one estimator. `differ` counts rows whose answers are not the source's own."""

    name: str
    task: str = ""
    served: str = "not served"
    why: str = ""
    differ: int = 0
    excused: int = 0  # ties and rows on thresholds, as the report has them


def rows_of(name: str) -> tuple[Any, ...]:
    """The rows, and the targets where there are any, that the estimator is fitted on."""
    return FITTED_ON.get(name) or (DIABETES if is_regressor(made(name)) else IRIS)


def made(name: str) -> BaseEstimator:
    estimator = ESTIMATORS[name](**ARGUMENTS.get(name, dict)())
    seeded = "random_state" in estimator.get_params(deep=False)
    return estimator.set_params(random_state=0) if seeded else estimator


@cache
def outcome(name: str) -> Outcome:
    """Once in a process: register -> convert -> predict, compared with the source."""
    data = rows_of(name)
    estimator = made(name).fit(*data)
    table = np.asarray(data[0], dtype=object if isinstance(data[0], list) else None)
    table = table.reshape(len(table), -1)
    try:
        file = save_estimator(estimator)
        source = read_source(
            file, samples=Rows.of(table[:-HELD_OUT]), heldout=Rows.of(table[-HELD_OUT:])
        )
    except (FormatError, RefusedFile) as refusal:
        return Outcome(name=name, why=str(refusal).removeprefix("The file cannot be taken: "))
    conversion = convert_source(source)
    return Outcome(
        name=name,
        task=source.task,
        served=_served(conversion),
        why=_plain(conversion.reason),
        differ=_differing(estimator, source, conversion, file, table),
        excused=conversion.parity.ties + conversion.parity.on_threshold if conversion.onnx else 0,
    )


def _served(conversion: Conversion) -> str:
    if conversion.onnx is None:
        return "scikit-learn"
    datatype = conversion.signature.inputs[0].datatype
    return {"FP32": "ONNX, float32", "FP64": "ONNX, float64", "BYTES": "ONNX, text"}[datatype]


def _plain(reason: str) -> str:
    """The first sentence, without numbers and versions that change."""
    if re.match(r"In (single|double) precision", reason):
        return "Its ONNX form answers differently."
    first = re.split(r"(?<=\.) (?=[A-Z])", reason)[0]
    return re.sub(r" by skl2onnx [\d.]+\d", "", first)


def _differing(
    estimator: BaseEstimator, source: Source, conversion: Conversion, file: bytes, table: Tensor
) -> int:
    """Rows for which any answer of the version differs from the fitted estimator's own."""
    kind = "onnx" if conversion.onnx else "sklearn"
    runtime = open_runtime(
        kind, conversion.onnx or file, signature=conversion.signature, classes=source.classes
    )
    names, rows = output_names(estimator), Rows.of(table)
    tensors = {
        spec.name: spec.tensor([list(row[at : at + spec.width]) for row in rows.values])
        for at, spec in enumerate(conversion.signature.inputs)
    }
    alike = np.ones(len(rows), dtype=bool)
    for name, found in zip(names, runtime.run(tensors, names), strict=True):
        alike &= _alike(_own(estimator, source.task, name, table), found)
    return int((~alike).sum())


def _own(estimator: BaseEstimator, task: str, output: str, table: Tensor) -> Tensor:
    method = METHODS[output]
    if task == "transform" or (task == "clustering" and output == "scores"):
        method = "transform"
    textual = table.dtype == object
    answers = getattr(estimator, method)(table.ravel() if textual else table)
    return answers.toarray() if hasattr(answers, "toarray") else np.asarray(answers)


def _alike(own: Tensor, found: Tensor) -> Tensor:
    own, found = own.reshape(len(own), -1), found.reshape(len(own), -1)
    if own.dtype.kind not in "fc":
        return (own == found).all(axis=1)
    gap, unknown = np.abs(found - own), np.isnan(own) & np.isnan(found)
    return ((gap <= CLOSE) | (gap <= CLOSE * np.abs(own)) | unknown).all(axis=1)
