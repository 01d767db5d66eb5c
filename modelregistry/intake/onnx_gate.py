"""What an ONNX file may hold: standard operators, all weights inside, nothing on disk."""

from collections.abc import Iterator
from typing import TypeAlias

import onnx
from google.protobuf.message import DecodeError

from modelregistry.errors import RefusedFile
from modelregistry.formats.runtime import ClassLabel

DOMAINS = frozenset({"", "ai.onnx", "ai.onnx.ml"})
Node: TypeAlias = onnx.NodeProto


def check_onnx(data: bytes) -> onnx.ModelProto:
    """The model in `data`. Raises RefusedFile for foreign operators and for external weights."""
    try:
        model: onnx.ModelProto = onnx.ModelProto.FromString(data)
    except DecodeError as error:
        raise RefusedFile("The ONNX file is damaged: it cannot be decoded.") from error
    _check_domains(model)
    if any(_is_external(tensor) for tensor in _tensors(model)):
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


def _check_domains(model: onnx.ModelProto) -> None:
    found = {node.domain for node in _nodes(model)} | {o.domain for o in model.opset_import}
    if foreign := sorted(found - DOMAINS):
        names = ", ".join(foreign)[:200]
        raise RefusedFile(f"The ONNX file uses operators outside the standard: {names}.")


def _nodes(model: onnx.ModelProto) -> Iterator[Node]:
    for graph in _graphs(model):
        yield from graph.node
    for function in model.functions:
        yield from function.node


def _graphs(model: onnx.ModelProto) -> Iterator[onnx.GraphProto]:
    """Every graph: the model's, those inside nodes and functions, and training's."""
    waiting = [model.graph]
    for training in model.training_info:
        waiting += [training.initialization, training.algorithm]
    for function in model.functions:
        waiting += _inner(function.node)
    while waiting:
        graph = waiting.pop()
        yield graph
        waiting += _inner(graph.node)


def _inner(nodes: Iterator[Node]) -> list[onnx.GraphProto]:
    attributes = [attribute for node in nodes for attribute in node.attribute]
    return [g for a in attributes for g in ([a.g] if a.HasField("g") else []) + list(a.graphs)]


def _tensors(model: onnx.ModelProto) -> Iterator[onnx.TensorProto]:
    """Every tensor the file holds, in initializers and in attributes, sparse ones included."""
    for graph in _graphs(model):
        yield from graph.initializer
        for sparse in graph.sparse_initializer:
            yield from (sparse.values, sparse.indices)
    for node in _nodes(model):
        for attribute in node.attribute:
            yield from (attribute.t, *attribute.tensors)
            for sparse in (attribute.sparse_tensor, *attribute.sparse_tensors):
                yield from (sparse.values, sparse.indices)


def _is_external(tensor: onnx.TensorProto) -> bool:
    return tensor.data_location == onnx.TensorProto.EXTERNAL or bool(tensor.external_data)
