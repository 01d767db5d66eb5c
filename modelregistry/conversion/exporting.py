"""One estimator as ONNX bytes, by skl2onnx, with the tensor names the whole project uses."""

import re
import warnings
from collections.abc import Iterable
from textwrap import shorten

import numpy as np
import onnx
import skl2onnx
from skl2onnx.common import data_types
from skl2onnx.common.exceptions import MissingConverter, MissingShapeCalculator
from sklearn.base import is_classifier
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder

from modelregistry.conversion.equivalents import expressible
from modelregistry.conversion.graphs import keep_strict, name_locale, straighten
from modelregistry.conversion.options import OPSET
from modelregistry.errors import NotConvertible
from modelregistry.formats.estimators import Estimator, output_names, parts
from modelregistry.formats.rows import is_missing
from modelregistry.formats.signature import Datatype, TensorSpec

TYPES: dict[Datatype, type[data_types.TensorType]] = {
    "FP32": data_types.FloatTensorType,
    "FP64": data_types.DoubleTensorType,
    "BYTES": data_types.StringTensorType,
}
OPSETS = {"": OPSET, "ai.onnx.ml": 3}
# What converters raise for options and inputs they were not written for.
UNSUPPORTED = (
    RuntimeError,
    NotImplementedError,
    ValueError,
    TypeError,
    NameError,
    AttributeError,
    LookupError,
    AssertionError,
    ArithmeticError,
)


def export_onnx(
    estimator: Estimator, inputs: Iterable[TensorSpec], *, opset: int | None = None
) -> bytes:
    """The estimator as ONNX. Raises NotConvertible, naming the step that cannot be expressed."""
    names = output_names(estimator)
    estimator = expressible(estimator)
    _refuse(estimator)
    zipped = is_classifier(estimator) and "probabilities" in names
    options = {"zipmap": False} if zipped else None
    types = [(spec.name, TYPES[spec.datatype]([None, *spec.shape[1:]])) for spec in inputs]
    opsets = OPSETS if opset is None else OPSETS | {"": opset}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # skl2onnx reads attributes scikit-learn deprecates
            model = skl2onnx.to_onnx(
                estimator, initial_types=types, options=options, target_opset=opsets
            )
    except (MissingConverter, MissingShapeCalculator) as error:
        raise NotConvertible(_missing(str(error))) from error
    except UNSUPPORTED as error:
        raise NotConvertible(f"skl2onnx cannot convert it: {_one_line(error)}") from error
    _name_outputs(model, names)
    straighten(model)
    name_locale(model)
    keep_strict(model)
    return bytes(model.SerializeToString())


def _missing(message: str) -> str:
    """skl2onnx's paragraph about a type it does not know, as one sentence."""
    found = re.search(r"<class '(?:[\w.]*\.)?(\w+)'>", message)
    step = found.group(1) if found else "one of its steps"
    return f"The step {step} cannot be expressed in ONNX by skl2onnx {skl2onnx.__version__}."


def _one_line(error: Exception) -> str:
    """Its first line without Python's spelling of classes, and without where to complain."""
    text = (str(error).strip().splitlines() or [type(error).__name__])[0]
    text = re.sub(r"<class '(?:[\w.]*\.)?(\w+)'>", r"\1", text)
    return shorten(re.sub(r"\W*You may raise an is+ue at .*", "", text), 200, placeholder=" ...")


def _refuse(estimator: Estimator) -> None:
    """What skl2onnx would express as something else, or never end over. Raises NotConvertible."""
    for part in parts(estimator):
        if fault := _fault(part):
            raise NotConvertible(f"The step {type(part).__name__} {fault}")


def _fault(part: Estimator) -> str:
    if hasattr(part, "tree_") and not np.isfinite(part.tree_.threshold).all():
        return "asks whether a value is missing, which skl2onnx cannot express."
    kinds = [np.asarray(known) for known in getattr(part, "categories_", ())]
    if any(known.dtype == object and any(map(is_missing, known)) for known in kinds):
        return "was fitted on missing texts, which ONNX has not."
    if isinstance(part, OneHotEncoder) and part.handle_unknown in ("infrequent_if_exist", "warn"):
        return "takes unseen categories for rare ones, which skl2onnx cannot express."
    strict = isinstance(part, OrdinalEncoder) and part.handle_unknown == "error"
    if strict and any(known.dtype.kind == "f" for known in kinds):
        return "refuses numbers that it has not seen, which it would answer in ONNX."
    return ""


def _name_outputs(model: onnx.ModelProto, names: tuple[str, ...]) -> None:
    """Give the first outputs these names and drop the others."""
    graph = model.graph
    del graph.output[len(names) :]
    swap: dict[str, str] = {}
    for output, name in zip(graph.output, names, strict=True):
        if output.name != name:  # whatever had the name inside the graph takes the old one
            swap |= {output.name: name, name: output.name}
        output.name = name
    for node in graph.node:
        node.input[:] = [swap.get(name, name) for name in node.input]
        node.output[:] = [swap.get(name, name) for name in node.output]
