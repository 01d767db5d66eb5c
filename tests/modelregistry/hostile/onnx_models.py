"""ONNX files that no exporter writes, made as messages or byte by byte."""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

OPSET = [helper.make_opsetid("", 21)]
GRAPH, NODE, ATTRIBUTE, INNER = 7, 1, 5, 6  # fields: of a model, graph, node, attribute


def plain(*nodes: onnx.NodeProto) -> onnx.ModelProto:
    """Two numbers a row, doubled; these nodes beside it."""
    double = helper.make_node("Add", ["a", "a"], ["value"])
    graph = helper.make_graph(
        [double, *nodes],
        "g",
        [helper.make_tensor_value_info("a", TensorProto.FLOAT, ["n", 2])],
        [helper.make_tensor_value_info("value", TensorProto.FLOAT, ["n", 2])],
    )
    return helper.make_model(graph, opset_imports=OPSET, ir_version=10)


def file_of(*nodes: onnx.NodeProto) -> bytes:
    data: bytes = plain(*nodes).SerializeToString()
    return data


def elsewhere(where: str = "/etc/passwd") -> onnx.TensorProto:
    tensor = TensorProto(name="w", dims=[2], data_type=TensorProto.FLOAT)
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value=where)
    return tensor


def constant(value: onnx.TensorProto) -> onnx.NodeProto:
    return helper.make_node("Constant", [], ["w"], value=value)


def external_in_the_graph() -> bytes:
    model = plain()
    model.graph.initializer.append(elsewhere())
    return model.SerializeToString()  # type: ignore[no-any-return]


def external_above() -> bytes:
    model = plain()
    model.graph.initializer.append(elsewhere("../../../secret"))
    return model.SerializeToString()  # type: ignore[no-any-return]


def external_in_an_attribute() -> bytes:
    return file_of(constant(elsewhere()))


def external_in_a_subgraph() -> bytes:
    branch = helper.make_graph([constant(elsewhere())], "b", [], [])
    return file_of(helper.make_node("If", ["q"], ["r"], then_branch=branch, else_branch=branch))


def external_in_a_sparse_tensor() -> bytes:
    model = plain()
    model.graph.sparse_initializer.add().values.CopyFrom(elsewhere())
    return model.SerializeToString()  # type: ignore[no-any-return]


def function(*nodes: onnx.NodeProto, domain: str = "", name: str = "F") -> onnx.FunctionProto:
    return helper.make_function(domain, name, ["x"], ["y"], list(nodes), OPSET)


def with_functions(*functions: onnx.FunctionProto) -> bytes:
    model = plain(helper.make_node("F", ["a"], ["z"]))
    model.functions.extend(functions)
    return model.SerializeToString()  # type: ignore[no-any-return]


def external_in_a_function() -> bytes:
    return with_functions(function(constant(elsewhere())))


def external_in_a_default() -> bytes:
    """What a function's attribute is where nobody names one."""
    made = function(helper.make_node("Identity", ["x"], ["y"]))
    made.attribute_proto.append(helper.make_attribute("w", elsewhere()))
    return with_functions(made)


def foreign_domain() -> bytes:
    return file_of(helper.make_node("Inverse", ["a"], ["z"], domain="com.microsoft"))


def foreign_domain_in_a_subgraph() -> bytes:
    node = helper.make_node("Run", ["a"], ["z"], domain="evil")
    branch = helper.make_graph([node], "b", [], [])
    return file_of(helper.make_node("If", ["q"], ["r"], then_branch=branch, else_branch=branch))


def foreign_domain_in_a_function() -> bytes:
    return with_functions(function(helper.make_node("Run", ["x"], ["y"], domain="evil")))


def function_of_a_foreign_domain() -> bytes:
    return with_functions(function(helper.make_node("Identity", ["x"], ["y"]), domain="evil"))


def function_that_calls_itself() -> bytes:
    return with_functions(function(helper.make_node("F", ["x"], ["y"])))


def functions_that_double(times: int = 40) -> bytes:
    """Each calls the next one twice: 2^40 nodes when they are written out."""
    made = []
    for number in range(times):
        name, following = "F" if number == 0 else f"F{number}", f"F{number + 1}"
        called = following if number < times - 1 else "Identity"
        calls = [helper.make_node(called, [a], [b]) for a, b in (("x", "m"), ("m", "y"))]
        made.append(function(*calls, name=name))
    return with_functions(*made)


def field(number: int, content: bytes) -> bytes:
    """A protobuf field with its length."""
    size, length = len(content), b""
    while size > 127:
        length, size = length + bytes([size & 127 | 128]), size >> 7
    return bytes([number << 3 | 2]) + length + bytes([size]) + content


def with_more_in_its_graph(more: bytes) -> bytes:
    """Fields that come again are added to the message."""
    return file_of() + field(GRAPH, more)


def million_nodes() -> bytes:
    node = helper.make_node("Identity", ["a"], ["z"]).SerializeToString()
    return with_more_in_its_graph(field(NODE, node) * 1_000_000)


def empty_graphs() -> bytes:
    """In one attribute."""
    attribute = field(ATTRIBUTE, field(11, b"") * 200_000)
    return with_more_in_its_graph(field(NODE, attribute))


def nested(times: int) -> bytes:
    graph = b""
    for _ in range(times):
        graph = field(NODE, field(ATTRIBUTE, field(INNER, graph)))
    return with_more_in_its_graph(graph)


def eight_gigabytes() -> bytes:
    """Two numbers, spread over 2^31 places while the model is loaded."""
    shape = TensorProto(name="s", dims=[1], data_type=TensorProto.INT64, int64_data=[2**31])
    one = TensorProto(name="o", dims=[1], data_type=TensorProto.FLOAT, float_data=[1])
    graph = helper.make_graph(
        [helper.make_node("Expand", ["o", "s"], ["b"])], "g",
        [helper.make_tensor_value_info("a", TensorProto.FLOAT, ["n", 1])],
        [helper.make_tensor_value_info("b", TensorProto.FLOAT, None)],
        [shape, one],
    )  # fmt: skip
    model = helper.make_model(graph, opset_imports=OPSET, ir_version=10, producer_name="")
    return model.SerializeToString()  # type: ignore[no-any-return]


def hungry_answer() -> bytes:
    """Loads well; each answer would have 2^33 numbers."""
    model = plain()
    shape = numpy_helper.from_array(np.array([2**32, 1, 1], np.int64), "s")
    model.graph.initializer.append(shape)
    del model.graph.node[:]
    model.graph.node.append(helper.make_node("Expand", ["a", "s"], ["t"]))
    model.graph.node.append(helper.make_node("ReduceMax", ["t"], ["value"]))
    return model.SerializeToString()  # type: ignore[no-any-return]


def endless_loop() -> bytes:
    """Goes on for as long as what it was given says, and hands that on."""
    body = helper.make_graph(
        [
            helper.make_node("Identity", ["on"], ["still on"]),
            helper.make_node("Identity", ["v"], ["w"]),
        ],
        "body",
        [
            helper.make_tensor_value_info("i", TensorProto.INT64, []),
            helper.make_tensor_value_info("on", TensorProto.BOOL, []),
            helper.make_tensor_value_info("v", TensorProto.FLOAT, ["n", 2]),
        ],
        [
            helper.make_tensor_value_info("still on", TensorProto.BOOL, []),
            helper.make_tensor_value_info("w", TensorProto.FLOAT, ["n", 2]),
        ],
    )
    model = plain()
    model.graph.initializer.append(numpy_helper.from_array(np.array(True), "yes"))
    del model.graph.node[:]
    model.graph.node.append(helper.make_node("Loop", ["", "yes", "a"], ["value"], body=body))
    return model.SerializeToString()  # type: ignore[no-any-return]
