"""A small table of sample rows: what conversion, parity and input examples are made from. Pure."""

import sys
from collections.abc import Sequence
from itertools import chain
from math import isnan
from typing import TypeAlias

import msgspec
import numpy as np

from modelregistry.formats.runtime import ClassLabel, FormatError
from modelregistry.formats.signature import Signature, Tensor

Scalar: TypeAlias = float | int | str | bool | None
LARGEST = sys.float_info.max


class Rows(msgspec.Struct, frozen=True, kw_only=True):
    """Values row by row under named columns, and each row's target where it is known."""

    columns: tuple[str, ...]
    values: tuple[tuple[Scalar, ...], ...]
    targets: tuple[ClassLabel, ...] | None = None

    def __post_init__(self) -> None:
        if any(len(row) != len(self.columns) for row in self.values):
            raise FormatError(f"Every sample row needs {len(self.columns)} values.")
        if self.targets is not None and len(self.targets) != len(self.values):
            raise FormatError("There must be one target for every sample row.")

    def __len__(self) -> int:
        return len(self.values)

    @classmethod
    def of(
        cls, values: Tensor, *, columns: Sequence[str] = (), targets: Tensor | None = None
    ) -> "Rows":
        """A numpy table [rows, columns] as Rows; columns without names are x0, x1, ..."""
        names = tuple(columns) or numbered(values.shape[1])
        labels = None if targets is None else tuple(targets.tolist())
        return cls(columns=names, values=tuple(map(tuple, values.tolist())), targets=labels)

    @classmethod
    def from_json(cls, data: bytes) -> "Rows":
        return msgspec.json.decode(data, type=cls)

    def to_json(self) -> bytes:
        return msgspec.json.encode(self)

    def first(self, count: int) -> "Rows":
        return Rows(columns=self.columns, values=self.values[:count])

    def at(self, places: Sequence[int]) -> "Rows":
        """Those rows alone, in that order, with their targets."""
        return Rows(
            columns=self.columns,
            values=tuple(self.values[place] for place in places),
            targets=None if self.targets is None else tuple(self.targets[p] for p in places),
        )

    def arranged(self, columns: tuple[str, ...]) -> "Rows":
        """The same rows with their columns, which are these, in this order."""
        if self.columns == columns:
            return self
        places = [self.columns.index(name) for name in columns]
        values = tuple(tuple(row[place] for place in places) for row in self.values)
        return Rows(columns=columns, values=values, targets=self.targets)

    @property
    def textual(self) -> tuple[bool, ...]:
        """For each column: does it hold strings? Raises FormatError where some rows do not."""
        return tuple(
            _is_textual(name, [row[index] for row in self.values])
            for index, name in enumerate(self.columns)
        )

    def matrix(self) -> Tensor:
        """[rows, columns] as scikit-learn takes it: float64, or objects where there is text.

        What is missing is nan, among texts too, as data frames have it.
        """
        kinds = self.textual
        if not any(kinds):
            return np.array(self.values, dtype=np.float64).reshape(len(self), len(self.columns))
        table = np.empty((len(self), len(kinds)), dtype=object)
        for index, textual in enumerate(kinds):
            column = [row[index] for row in self.values]
            table[:, index] = column if textual else np.array(column, dtype=np.float64)
        return with_nan(table)

    def tensors(self, signature: Signature) -> dict[str, Tensor]:
        """The rows as the inputs of an ONNX model, cast to their datatypes, columns left to right.

        Raises FormatError where a text is missing: ONNX knows no such thing.
        """
        tensors, start = {}, 0
        for spec in signature.inputs:
            part = [row[start : start + spec.width] for row in self.values]
            if spec.datatype == "BYTES" and any(map(is_missing, chain.from_iterable(part))):
                raise FormatError(f"ONNX has no missing texts, and column {spec.name} has some.")
            tensors[spec.name] = spec.tensor([list(row) for row in part])
            start += spec.width
        return tensors


def numbered(count: int) -> tuple[str, ...]:
    """Names for columns that have none."""
    return tuple(f"x{index}" for index in range(count))


def is_missing(value: object) -> bool:
    """None or nan."""
    return value is None or (isinstance(value, float) and isnan(value))


def is_beyond_floats(value: object) -> bool:
    """Infinity, or a whole number so large that no 64-bit float holds it."""
    return isinstance(value, int | float) and abs(value) > LARGEST


def with_nan(table: Tensor) -> Tensor:
    """A table of objects, with nan where it has None."""
    table[table == None] = np.nan  # noqa: E711 (element by element)
    return table


def _is_textual(name: str, column: list[Scalar]) -> bool:
    kinds = {isinstance(value, str) for value in column if not is_missing(value)}
    if len(kinds) > 1:
        raise FormatError(f"The column {name[:200]} mixes text with numbers.")
    return True in kinds
