"""The native prediction protocol: rows as arrays, rows as objects, or columns.

{"rows": [[...]]}, {"rows": [{column: value}]} or {"columns": {column: [...]}}, each with an
optional "outputs": [name]; the answer has predictions, and probabilities for classifiers.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from modelregistry.formats.runtime import ClassLabel
from modelregistry.formats.signature import Signature
from predictions.errors import WrongInput
from predictions.protocols.elements import ELEMENTS, array_of, some, tuple_of, vector
from predictions.protocols.json_body import decode, refuse_repeated_keys
from predictions.protocols.rows import RequestRows, predictions_of

_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class NativeRequest:
    """Validated rows and the outputs that were asked for by name, if any."""

    rows: RequestRows
    outputs: tuple[str, ...] | None


class NativeCodec:
    """Reads native requests for one signature, as the type `message`.

    Raises Malformed or WrongInput.
    """

    def __init__(self, signature: Signature) -> None:
        self._signature = signature
        self._outputs = frozenset(spec.name for spec in signature.outputs)
        elements = _column_elements(signature)
        self._text_columns = sum(
            spec.width for spec in signature.inputs if spec.datatype == "BYTES"
        )
        self._optional_texts = [
            spec.name
            for spec in signature.inputs
            if spec.datatype == "BYTES" and spec.name in signature.missing
        ]
        self._row_type = _struct("Row", signature.columns, elements)
        columns_type = _struct("Columns", signature.columns, [array_of(e) for e in elements])
        matrix = signature.is_matrix and not signature.missing
        positional = vector(signature.inputs[0]) if matrix else tuple_of(elements)
        self.message = msgspec.defstruct(
            "Request",
            [
                (
                    "rows",
                    some(positional | self._row_type) | UnsetType,
                    UNSET,
                ),
                ("columns", columns_type | UnsetType, UNSET),
                ("outputs", some(str) | UnsetType, UNSET),
            ],
        )
        self._decoder = msgspec.json.Decoder(self.message)

    def request(self, body: bytes) -> NativeRequest:
        """The body's rows by input tensor, and its wish for outputs."""
        message: Any = decode(self._decoder, body, columns=self._signature.columns)
        if (message.rows is UNSET) == (message.columns is UNSET):
            refuse_repeated_keys(body, quotes=-1, keys=-1)  # what was skipped may not even be JSON
            raise WrongInput('The body must have either "rows" or "columns", not both.')
        outputs = None if message.outputs is UNSET else self._known_outputs(message.outputs)
        if message.columns is UNSET:
            rows, keys = self._from_rows(message.rows)
        else:
            rows, keys = self._from_columns(message.columns)
        keys += 1 if outputs is None else 2
        strings = self._text_columns * rows.count - self._nulls(rows) + len(outputs or ())
        refuse_repeated_keys(body, quotes=2 * (keys + strings), keys=keys)
        return NativeRequest(rows, outputs)

    def _nulls(self, rows: RequestRows) -> int:
        """Texts that are missing: they have no quotation marks."""
        return sum(rows.inputs[name].count(None) for name in self._optional_texts)

    def _known_outputs(self, names: list[str]) -> tuple[str, ...]:
        if not self._outputs.issuperset(names) or len(set(names)) != len(names):
            known = ", ".join(spec.name for spec in self._signature.outputs)
            raise WrongInput(f"outputs: expected names out of {known}, each once.")
        return tuple(names)

    def _from_rows(self, rows: list[Any]) -> tuple[RequestRows, int]:
        """Rows of either kind to input tensors, and how many keys the objects have."""
        objects = sum(type(row) is self._row_type for row in rows)
        plain: list[Sequence[Any]] = rows
        if objects:
            plain = [
                msgspec.structs.astuple(row) if type(row) is self._row_type else row for row in rows
            ]
        keys = objects * len(self._signature.columns)
        return RequestRows(self._by_tensor(plain), len(plain)), keys

    def _from_columns(self, message: Any) -> tuple[RequestRows, int]:
        columns: list[list[Any]] = list(msgspec.structs.astuple(message))
        count = len(columns[0])
        if count == 0 or any(len(column) != count for column in columns):
            raise WrongInput("columns: expected at least one value, and as many in every column.")
        rows: list[Sequence[Any]] = list(zip(*columns, strict=True))
        return RequestRows(self._by_tensor(rows), count), len(columns)

    def _by_tensor(self, rows: list[Sequence[Any]]) -> dict[str, list[Any]]:
        """Rows, columns left to right, cut into the inputs that hold them."""
        inputs, start = {}, 0
        for spec in self._signature.inputs:
            stop = start + spec.width
            if spec.width == len(self._signature.columns):
                inputs[spec.name] = list(rows)
            elif spec.width == 1:
                inputs[spec.name] = [row[start] for row in rows]
            else:
                inputs[spec.name] = [row[start:stop] for row in rows]
            start = stop
        return inputs


def answer(
    *,
    model: str,
    version: int,
    outputs: dict[str, list[Any]],
    classes: tuple[ClassLabel, ...] | None,
    asked: tuple[str, ...] | None,
    request_id: str,
) -> bytes:
    """The answer's bytes. `outputs` maps every output that was run, in order, to its rows."""
    body: dict[str, Any] = {"model": model, "version": version}
    body["predictions"] = predictions_of(next(iter(outputs.values())))
    if asked is not None:
        body["outputs"] = {name: outputs[name] for name in asked}
    elif "probabilities" in outputs:
        body["probabilities"] = outputs["probabilities"]
    if classes is not None:
        body["classes"] = classes
    body["request_id"] = request_id
    return _encode(body)


def _column_elements(signature: Signature) -> list[Any]:
    """What JSON may stand in each column of a row, left to right."""
    kinds = [ELEMENTS[spec.datatype] for spec in signature.inputs for _ in range(spec.width)]
    return [
        kind | None if name in signature.missing else kind
        for name, kind in zip(signature.columns, kinds, strict=True)
    ]


def _struct(name: str, columns: Sequence[str], types: Sequence[Any]) -> Any:
    """A struct whose fields are the columns, whatever characters their names have."""
    fields = [(f"c{at}", kind) for at, kind in enumerate(types)]
    names = {f"c{at}": column for at, column in enumerate(columns)}
    return msgspec.defstruct(name, fields, rename=names, forbid_unknown_fields=True, frozen=True)
