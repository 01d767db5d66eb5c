"""One estimator as ONNX bytes, by skl2onnx, with the tensor names the whole project uses."""

import re
import warnings
from collections.abc import Iterable

import onnx
import skl2onnx
from skl2onnx.common import data_types
from skl2onnx.common.exceptions import MissingConverter, MissingShapeCalculator

from modelregistry.errors import NotConvertible
from modelregistry.formats.estimators import Estimator, output_names
from modelregistry.formats.signature import Datatype, TensorSpec

TYPES: dict[Datatype, type[data_types.TensorType]] = {
    "FP32": data_types.FloatTensorType,
    "FP64": data_types.DoubleTensorType,
    "BYTES": data_types.StringTensorType,
}
OPSET = {"": 21, "ai.onnx.ml": 3}
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


def export_onnx(estimator: Estimator, inputs: Iterable[TensorSpec]) -> bytes:
    """The estimator as ONNX. Raises NotConvertible, naming the step that cannot be expressed."""
    names = output_names(estimator)
    options = {"zipmap": False} if "probabilities" in names else None
    types = [(spec.name, TYPES[spec.datatype]([None, *spec.shape[1:]])) for spec in inputs]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # skl2onnx reads attributes scikit-learn deprecates
            model = skl2onnx.to_onnx(
                estimator, initial_types=types, options=options, target_opset=OPSET
            )
    except (MissingConverter, MissingShapeCalculator) as error:
        raise NotConvertible(_missing(str(error))) from error
    except UNSUPPORTED as error:
        raise NotConvertible(f"skl2onnx cannot convert it: {_one_line(error)}") from error
    _name_outputs(model, names)
    return bytes(model.SerializeToString())


def _missing(message: str) -> str:
    """skl2onnx's paragraph about a type it does not know, as one sentence."""
    found = re.search(r"<class '(?:[\w.]*\.)?(\w+)'>", message)
    step = found.group(1) if found else "one of its steps"
    return f"The step {step} cannot be expressed in ONNX by skl2onnx {skl2onnx.__version__}."


def _one_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]


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
