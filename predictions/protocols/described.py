"""What the native protocol takes and gives for one version, as JSON Schema 2020-12.

The request's is the decoder's own, so that both say the same; a schema alone cannot say that
columns are of one length.
"""

from collections.abc import Sequence
from sys import float_info
from typing import Any, TypeAlias

import msgspec

from modelregistry.formats.runtime import ClassLabel
from modelregistry.formats.signature import Signature, TensorSpec
from predictions.protocols.native import NativeCodec

Schema: TypeAlias = dict[str, Any]  # JSON, as msgspec makes it
DIALECT = "https://json-schema.org/draft/2020-12/schema"
REQUEST = (
    "Either rows, as lists in the order of the columns or as objects by their names, or columns of "
    "one length. Whole numbers are written without a point. Rows that a model was not made for, "
    "such as numbers so large that its answer is not finite, it may refuse all the same."
)
ANSWER = (
    "Without `outputs` in the request; with them the answer has those in place of probabilities."
)


def example_request(signature: Signature, row: Sequence[object]) -> dict[str, Any]:
    """That row, columns left to right, as a person would send it."""
    if signature.is_matrix:
        return {"rows": [list(row)]}
    return {"rows": [dict(zip(signature.columns, row, strict=True))]}


def request_schema(signature: Signature, row: Sequence[object]) -> Schema:
    """Of bodies that a version with this signature takes; `row` is its example."""
    (whole,), parts = msgspec.json.schema_components(
        [NativeCodec(signature).message], ref_template="#/$defs/{name}"
    )
    assert whole == {"$ref": "#/$defs/Request"}
    request = parts.pop("Request")
    properties = request["properties"]
    properties["outputs"]["items"]["enum"] = [spec.name for spec in signature.outputs]
    properties["outputs"]["uniqueItems"] = True
    for column in parts["Columns"]["properties"].values():
        column["minItems"] = 1
    return {
        "$schema": DIALECT,
        "title": "Request",
        "description": REQUEST,
        "type": "object",
        "properties": _bounded(properties),
        "oneOf": [{"required": ["rows"]}, {"required": ["columns"]}],
        "$defs": _bounded(parts),
        "examples": [example_request(signature, row)],
    }


def answer_schema(signature: Signature, classes: Sequence[ClassLabel] | None) -> Schema:
    """Of answers by a version with this signature. Fields may be added to them."""
    first, *_ = signature.outputs
    prediction = {"enum": list(classes)} if classes else _element(first)
    properties: Schema = {
        "model": {"type": "string"},
        "version": {"type": "integer", "minimum": 1},
        "predictions": _predictions(first, prediction),
        "request_id": {"type": "string"},
        "outputs": {
            "type": "object",
            "properties": {spec.name: _output(spec) for spec in signature.outputs},
            "additionalProperties": False,
        },
    }
    if classes is not None:
        properties["classes"] = {"const": list(classes)}
    for spec in signature.outputs:
        if spec.name == "probabilities":
            properties[spec.name] = _output(spec)
    told = [name for name in properties if name not in ("outputs", "probabilities")]
    return {
        "$schema": DIALECT,
        "title": "Answer",
        "description": ANSWER,
        "type": "object",
        "properties": properties,
        "required": told,
    }


def _rows(element: Schema, shape: Sequence[int]) -> Schema:
    """Any number of rows, each nested as `shape` says of one; -1 is any number."""
    for size in reversed(shape):
        exactly = {} if size < 0 else {"minItems": size, "maxItems": size}
        element = {"type": "array", "items": element, **exactly}
    return {"type": "array", "items": element, "minItems": 1}


def _output(spec: TensorSpec) -> Schema:
    return _rows(_element(spec), spec.shape[1:])


def _predictions(spec: TensorSpec, element: Schema) -> Schema:
    """The first output, in which a list of one value is that value."""
    of_row = spec.shape[1:]
    if of_row[:1] == (-1,):
        return {"anyOf": [_rows(element, of_row), _rows(element, of_row[1:])]}
    return _rows(element, of_row[1:] if of_row[:1] == (1,) else of_row)


def _element(spec: TensorSpec) -> Schema:
    kind = {"BOOL": "boolean", "BYTES": "string"}.get(spec.datatype)
    if kind is None:
        kind = "number" if spec.datatype.startswith("FP") else "integer"
    return {"type": kind}


def _bounded(value: Any) -> Any:
    """The same schema, in which numbers of double precision are finite."""
    if isinstance(value, list):
        return [_bounded(item) for item in value]
    if not isinstance(value, dict):
        return value
    if value == {"type": "number"}:
        return {"type": "number", "minimum": -float_info.max, "maximum": float_info.max}
    return {name: _bounded(item) for name, item in value.items()}
