"""What a model takes and gives: named tensors, their datatypes and shapes. Pure values.

Datatypes are the Open Inference Protocol's words; BYTES are strings.
"""

from collections.abc import Sequence
from typing import Any, Literal, TypeAlias

import msgspec
import numpy as np
from numpy.typing import NDArray

Tensor: TypeAlias = NDArray[Any]
Datatype = Literal[
    "BOOL", "UINT8", "UINT16", "UINT32", "UINT64", "INT8", "INT16", "INT32", "INT64",
    "FP16", "FP32", "FP64", "BYTES",
]  # fmt: skip

DTYPES: dict[Datatype, np.dtype[Any]] = {
    "BOOL": np.dtype(np.bool_),
    "UINT8": np.dtype(np.uint8),
    "UINT16": np.dtype(np.uint16),
    "UINT32": np.dtype(np.uint32),
    "UINT64": np.dtype(np.uint64),
    "INT8": np.dtype(np.int8),
    "INT16": np.dtype(np.int16),
    "INT32": np.dtype(np.int32),
    "INT64": np.dtype(np.int64),
    "FP16": np.dtype(np.float16),
    "FP32": np.dtype(np.float32),
    "FP64": np.dtype(np.float64),
    "BYTES": np.dtype(np.object_),
}


class TensorSpec(msgspec.Struct, frozen=True, kw_only=True):
    """One tensor. `shape` covers the whole batch: its first entry is -1, [-1, 4] is n rows of 4."""

    name: str
    datatype: Datatype
    shape: tuple[int, ...]

    @property
    def width(self) -> int:
        """Values a row holds in this tensor: 4 for [-1, 4], 1 for [-1] and [-1, 1]."""
        width = 1
        for size in self.shape[1:]:
            width *= size
        return width

    def in_double(self) -> "TensorSpec":
        return msgspec.structs.replace(self, datatype="FP64") if self.datatype == "FP32" else self

    def tensor(self, rows: list[Any]) -> Tensor:
        """`rows` (one entry a row: a scalar, or a list of `width` values) as one numpy array."""
        return np.array(rows, dtype=DTYPES[self.datatype]).reshape(-1, *self.shape[1:])


class Signature(msgspec.Struct, frozen=True, kw_only=True):
    """Inputs and outputs in order, and the names of a row's columns, left to right.

    `columns` has one name for every value of a row: a matrix input [-1, 4] has four, a model
    with one tensor per column has as many as it has inputs (and then they are the same names).
    The first output is the prediction; a classifier has `label` and `probabilities`.
    `missing` names the columns in which a row may have no value: null in JSON, nan in numpy.
    """

    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    columns: tuple[str, ...]
    missing: tuple[str, ...] = ()

    @property
    def is_matrix(self) -> bool:
        """One input tensor that holds the whole row."""
        return len(self.inputs) == 1 and len(self.inputs[0].shape) == 2

    def in_double(self) -> "Signature":
        """The same with FP64 for FP32: what scikit-learn itself computes with."""
        return msgspec.structs.replace(
            self,
            inputs=tuple(spec.in_double() for spec in self.inputs),
            outputs=tuple(spec.in_double() for spec in self.outputs),
        )

    def blank_row(self) -> list[Any]:
        """A row of zeros and empty strings, columns left to right."""
        return [
            "" if spec.datatype == "BYTES" else 0 for spec in self.inputs for _ in range(spec.width)
        ]

    def inputs_of(self, row: Sequence[Any]) -> dict[str, list[Any]]:
        """One row, columns left to right, by input: each a list of one entry for `tensor`."""
        inputs, start = {}, 0
        for spec in self.inputs:
            inputs[spec.name] = [list(row[start : start + spec.width])]
            start += spec.width
        return inputs

    @classmethod
    def from_json(cls, value: object) -> "Signature":
        """The signature in a JSON value. Raises msgspec.ValidationError."""
        return msgspec.convert(value, cls)

    def to_json(self) -> dict[str, Any]:
        builtins: dict[str, Any] = msgspec.to_builtins(self)
        return builtins
