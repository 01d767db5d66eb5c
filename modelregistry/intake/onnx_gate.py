"""What an ONNX file may hold: standard operators, all weights inside, nothing on disk, no more
than anybody needs.
"""

from collections.abc import Iterable, Iterator
from typing import Final, TypeAlias

import onnx
from google.protobuf.message import DecodeError

from modelregistry.errors import RefusedFile
from modelregistry.formats.runtime import ClassLabel

DOMAINS = frozenset({"", "ai.onnx", "ai.onnx.ml"})
MOST_BYTES: Final = 256 * 2**20
MOST_NODES: Final = 100_000
DEEPEST: Final = 16  # graphs inside graphs; what exporters write has two or three
Node: TypeAlias = onnx.NodeProto
Graph: TypeAlias = onnx.GraphProto
Attribute: TypeAlias = onnx.AttributeProto


def check_onnx(data: bytes) -> onnx.ModelProto:
    """The model in `data`. Raises RefusedFile for one that is too large or too deep, for foreign
    operators and for external weights.
    """
    if len(data) > MOST_BYTES:
        raise RefusedFile(f"The ONNX file has more than {MOST_BYTES // 2**20} MB.")
    try:
        model: onnx.ModelProto = onnx.ModelProto.FromString(data)
    except DecodeError as error:  # which includes more than 100 messages inside each other
        raise RefusedFile(
            "The ONNX file is damaged, or nested too deeply: it cannot be decoded."
        ) from error
    graphs = _graphs(model)
    _check_domains(model, graphs)
    if any(_is_external(tensor) for tensor in _tensors(model, graphs)):
        raise RefusedFile(
            "The ONNX file keeps weights in other files. Save it with all of them inside."
        )
    return model


def class_labels(model: onnx.ModelProto) -> tuple[ClassLabel, ...] | None:
    """The labels its last classifier node names, in the order of its scores; None if none does."""
    for node in reversed(model.graph.node):
        for attribute in node.attribute:
            if attribute.name in ("classlabels_int64s", "classlabels_ints"):
                return tuple(attribute.ints)
            if attribute.name == "classlabels_strings" and attribute.strings:
                return tuple(text.decode("utf-8", "replace") for text in attribute.strings)
    return None


def _graphs(model: onnx.ModelProto) -> list[Graph]:
    """Every graph: the model's, training's, and those inside nodes and functions.

    Raises RefusedFile where they are too many, too large or too deep; a graph counts as a node.
    """
    found: list[Graph] = []
    count = sum(len(function.node) for function in model.functions)
    level = [model.graph]
    for training in model.training_info:
        level += [training.initialization, training.algorithm]
    for depth in range(DEEPEST + 1):
        count += sum(1 + len(graph.node) for graph in level)
        if count > MOST_NODES:
            raise RefusedFile(f"The ONNX file has more than {MOST_NODES:,} nodes.")
        found += level
        inner = _inside(node for graph in level for node in graph.node)
        level = inner + (_in_functions(model) if depth == 0 else [])
        if not level:
            return found
    raise RefusedFile(f"The ONNX file has graphs nested more than {DEEPEST} deep.")


def _inside(nodes: Iterable[Node]) -> list[Graph]:
    return _graphs_of(attribute for node in nodes for attribute in node.attribute)


def _in_functions(model: onnx.ModelProto) -> list[Graph]:
    found = []
    for function in model.functions:
        found += _inside(function.node) + _graphs_of(function.attribute_proto)
    return found


def _graphs_of(attributes: Iterable[Attribute]) -> list[Graph]:
    return [g for a in attributes for g in ([a.g] if a.HasField("g") else []) + list(a.graphs)]


def _check_domains(model: onnx.ModelProto, graphs: list[Graph]) -> None:
    found = {node.domain for node in _nodes(model, graphs)}
    found |= {opset.domain for opset in model.opset_import}
    for function in model.functions:
        found |= {function.domain, *(opset.domain for opset in function.opset_import)}
    if foreign := sorted(found - DOMAINS):
        names = ", ".join(foreign)[:200]
        raise RefusedFile(f"The ONNX file uses operators outside the standard: {names}.")


def _nodes(model: onnx.ModelProto, graphs: list[Graph]) -> Iterator[Node]:
    for holder in (*graphs, *model.functions):
        yield from holder.node


def _tensors(model: onnx.ModelProto, graphs: list[Graph]) -> Iterator[onnx.TensorProto]:
    """Every tensor the file holds, in initializers and in attributes, sparse ones included."""
    for graph in graphs:
        yield from graph.initializer
        for sparse in graph.sparse_initializer:
            yield from (sparse.values, sparse.indices)
    for attribute in _attributes(model, graphs):
        yield from (attribute.t, *attribute.tensors)
        for sparse in (attribute.sparse_tensor, *attribute.sparse_tensors):
            yield from (sparse.values, sparse.indices)


def _attributes(model: onnx.ModelProto, graphs: list[Graph]) -> Iterator[Attribute]:
    for node in _nodes(model, graphs):
        yield from node.attribute
    for function in model.functions:
        yield from function.attribute_proto  # what its attributes are where a node names none


def _is_external(tensor: onnx.TensorProto) -> bool:
    return tensor.data_location == onnx.TensorProto.EXTERNAL or bool(tensor.external_data)
