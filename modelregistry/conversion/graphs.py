"""Mends of what skl2onnx makes: shapes of outputs, a locale, and encoders that are to be strict."""

import numpy as np
import onnx
import onnx.helper
import onnx.numpy_helper

LOCALE = "C.UTF-8"  # part of every C library, and knows the letters of all languages


def straighten(model: onnx.ModelProto) -> None:
    """Labels become [n], and numbers that converters left as [n] become [n, 1]."""
    graph = model.graph
    for output in graph.output:
        label, rank = output.name == "label", len(output.type.tensor_type.shape.dim)
        shape = [-1] if label else [-1, 1]
        if rank == len(shape) or not (label or rank == 1):
            continue
        bent = f"{output.name}_as_converted"
        for node in graph.node:
            node.input[:] = [bent if name == output.name else name for name in node.input]
            node.output[:] = [bent if name == output.name else name for name in node.output]
        graph.initializer.append(onnx.numpy_helper.from_array(np.array(shape), f"{bent}_shape"))
        graph.node.append(onnx.helper.make_node("Reshape", [bent, f"{bent}_shape"], [output.name]))
        _declare(output, [None] if label else [None, 1])


def _declare(output: onnx.ValueInfoProto, shape: list[int | None]) -> None:
    kind = output.type.tensor_type.elem_type
    output.CopyFrom(onnx.helper.make_tensor_value_info(output.name, kind, shape))


def name_locale(model: onnx.ModelProto) -> None:
    """What lowers letters asks for a locale that few machines have, unless it is told another."""
    for node in model.graph.node:
        if node.op_type == "StringNormalizer":
            node.attribute.append(onnx.helper.make_attribute("locale", LOCALE))


def keep_strict(model: onnx.ModelProto) -> None:
    """An ordinal encoder that refuses unseen texts would number them -1 in ONNX.

    Its numbers are taken from a one-hot encoder instead, which can refuse.
    """
    nodes = [strict for node in model.graph.node for strict in _strict(node)]
    del model.graph.node[:]
    model.graph.node.extend(nodes)


def _strict(node: onnx.NodeProto) -> list[onnx.NodeProto]:
    given = {each.name: onnx.helper.get_attribute_value(each) for each in node.attribute}
    texts, numbers = given.get("keys_strings"), given.get("values_int64s")
    lenient = any(name.startswith("default_") for name in given)
    if node.op_type != "LabelEncoder" or not texts or lenient:
        return [node]
    if numbers != list(range(len(texts))):
        return [node]
    spread = f"{node.output[0]}_spread"
    hot = onnx.helper.make_node(
        "OneHotEncoder", node.input, [spread], domain=node.domain, cats_strings=texts, zeros=0
    )
    return [hot, onnx.helper.make_node("ArgMax", [spread], node.output, axis=-1, keepdims=0)]
