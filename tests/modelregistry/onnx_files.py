"""Small ONNX files made by hand, for what no converter would write."""

from collections.abc import Sequence

import numpy as np
from onnx import NodeProto, TensorProto, helper, numpy_helper

Shape = Sequence[int | str | None]


def onnx_file(
    nodes: list[NodeProto],
    *,
    inputs: dict[str, Shape],
    output: Shape,
    constants: dict[str, np.ndarray] | None = None,
    kind: int = TensorProto.FLOAT,
    name: str = "value",
) -> bytes:
    """A model of these nodes; all tensors are floats, but inputs of another `kind`."""
    graph = helper.make_graph(
        nodes,
        "made by hand",
        [helper.make_tensor_value_info(each, kind, shape) for each, shape in inputs.items()],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, output)],
        [numpy_helper.from_array(value, each) for each, value in (constants or {}).items()],
    )
    opset = [helper.make_opsetid("", 21)]
    return helper.make_model(graph, opset_imports=opset, ir_version=10).SerializeToString()


def reshaping(*shape: int) -> bytes:
    """Rows of four values, poured into this shape."""
    node = helper.make_node("Reshape", ["a", "shape"], ["value"])
    return onnx_file(
        [node],
        inputs={"a": ["n", 4]},
        output=[None] * len(shape),
        constants={"shape": np.array(shape, np.int64)},
    )


def looking_up(entries: int) -> bytes:
    """The entry of a table that a row's number is the place of; a greater number is an error."""
    node = helper.make_node("Gather", ["table", "a"], ["value"])
    table = np.arange(entries, dtype=np.float32)
    return onnx_file(
        [node], inputs={"a": ["n", 1]}, output=["n", 1], constants={"table": table},
        kind=TensorProto.INT64,
    )  # fmt: skip


def doubling(**inputs: Shape) -> bytes:
    """The sum of all its inputs with themselves."""
    first, *others = inputs
    nodes = [helper.make_node("Add", [first, first], ["value" if not others else "sum0"])]
    for place, name in enumerate(others):
        last = place == len(others) - 1
        target = "value" if last else f"sum{place + 1}"
        nodes.append(helper.make_node("Add", [f"sum{place}", name], [target]))
    return onnx_file(nodes, inputs=inputs, output=inputs[first])
