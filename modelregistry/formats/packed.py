"""Rows as plain arrays, for one process to hand to another that does not trust it: all that has to
be believed are lengths, and they are checked. Pure.

Eight bytes of the header's length, the header in JSON, then column after column: of numbers, a byte
a cell that says what it is and eight that hold it; of texts, four bytes of length a cell, all bits
set where the text is missing, then all of them in UTF-8. Little-endian.
"""

from collections.abc import Sequence
from typing import Final, Literal, TypeAlias

import msgspec
import numpy as np

from modelregistry.formats.rows import Rows, Scalar
from modelregistry.formats.runtime import FormatError

MISSING, REAL, WHOLE, TRUTH = range(4)
Kind: TypeAlias = Literal["numbers", "texts"]
KINDS = {type(None): MISSING, float: REAL, int: WHOLE, bool: TRUTH}
LENGTH = 8
MOST_HEADER: Final = 4 << 20
"""Bytes: more are not decoded, whoever wrote them."""
NO_TEXT: Final = 2**32 - 1
WHOLE_BELOW: Final = 2**63  # a longer number is handed over as a float


class Header(msgspec.Struct, frozen=True):
    """Of how many rows which columns follow; `labelled`: the last one has the targets."""

    rows: int
    columns: list[tuple[str, Kind]]
    labelled: bool


def pack(rows: Rows) -> bytes:
    """At least one row. Raises FormatError where a column mixes text with numbers, or the names are
    too long.
    """
    columns: list[tuple[str, Sequence[Scalar]]] = list(
        zip(rows.columns, zip(*rows.values, strict=True), strict=True)
    )
    if rows.targets is not None:
        columns.append(("", rows.targets))
    kinds = [(name, _kind(name or "of targets", cells)) for name, cells in columns]
    header = msgspec.json.encode(Header(len(rows), kinds, rows.targets is not None))
    if len(header) > MOST_HEADER:
        raise FormatError(f"the names of its columns take more than {MOST_HEADER >> 20} MB.")
    parts = [
        _texts(cells) if kind == "texts" else _numbers(cells)
        for (_, kind), (_, cells) in zip(kinds, columns, strict=True)
    ]
    return b"".join([len(header).to_bytes(LENGTH, "little"), header, *parts])


def unpack(data: bytes, *, most_cells: int, most_columns: int) -> Rows:
    """The targets count as a column. Raises ValueError and msgspec.DecodeError where it makes no
    sense, or is more than is taken.
    """
    reader = _Reader(data)
    header = _header(reader)
    if not 1 <= len(header.columns) <= most_columns:
        raise ValueError("more columns than are taken, or none")
    if not 1 <= header.rows <= most_cells // len(header.columns):
        raise ValueError("more cells than are taken, or none")
    columns = [
        reader.texts(header.rows) if kind == "texts" else reader.numbers(header.rows)
        for _, kind in header.columns
    ]
    reader.end()
    names = [name for name, _ in header.columns]
    targets = columns.pop() if header.labelled else None
    if targets is None:
        return Rows(columns=tuple(names), values=tuple(zip(*columns, strict=True)))
    labels = tuple(label for label in targets if label is not None)
    if len(labels) != header.rows or not columns:
        raise ValueError("a row without a target, or nothing beside the targets")
    values = tuple(zip(*columns, strict=True))
    return Rows(columns=tuple(names[:-1]), values=values, targets=labels)


def _header(reader: "_Reader") -> Header:
    length = int.from_bytes(reader.take(LENGTH), "little")
    if length > MOST_HEADER:
        raise ValueError("its header is longer than is taken")
    return msgspec.json.decode(reader.take(length), type=Header)


def _kind(name: str, cells: Sequence[Scalar]) -> Kind:
    found = {type(cell) for cell in cells} - {type(None)}
    if str not in found:
        return "numbers"
    if found - {str}:
        raise FormatError(f"the column {name} mixes text with numbers.")
    return "texts"


def _numbers(cells: Sequence[Scalar]) -> bytes:
    cells = [
        float(cell) if isinstance(cell, int) and not -WHOLE_BELOW <= cell < WHOLE_BELOW else cell
        for cell in cells
    ]
    kinds = np.array([KINDS[type(cell)] for cell in cells], dtype=np.uint8)
    values = np.zeros(len(cells), dtype="<i8")
    values[kinds == REAL] = np.array(
        [cell for cell in cells if isinstance(cell, float)], dtype="<f8"
    ).view("<i8")
    values[kinds >= WHOLE] = [cell for cell in cells if isinstance(cell, int)]  # and truths
    return kinds.tobytes() + values.tobytes()


def _texts(cells: Sequence[Scalar]) -> bytes:
    texts = [cell.encode() if isinstance(cell, str) else None for cell in cells]
    lengths = [NO_TEXT if text is None else len(text) for text in texts]
    return np.array(lengths, dtype="<u4").tobytes() + b"".join(filter(None, texts))


class _Reader:
    """Where in the bytes we are."""

    def __init__(self, data: bytes) -> None:
        self._data = memoryview(data)
        self._at = 0

    def take(self, count: int) -> memoryview:
        if count > len(self._data) - self._at:
            raise ValueError("it is shorter than it says")
        self._at += count
        return self._data[self._at - count : self._at]

    def end(self) -> None:
        if self._at != len(self._data):
            raise ValueError("it is longer than it says")

    def numbers(self, count: int) -> list[Scalar]:
        """What is no finite number is missing, as in JSON."""
        kinds = np.frombuffer(self.take(count), dtype=np.uint8)
        values = np.frombuffer(self.take(8 * count), dtype="<i8")
        if kinds.max() > TRUTH:
            raise ValueError("a cell of no kind")
        kinds = np.where((kinds == REAL) & ~np.isfinite(values.view("<f8")), MISSING, kinds)
        real, whole = values.view("<f8").tolist(), values.tolist()
        return [
            None
            if kind == MISSING
            else one
            if kind == REAL
            else other
            if kind == WHOLE
            else other != 0
            for kind, one, other in zip(kinds.tolist(), real, whole, strict=True)
        ]

    def texts(self, count: int) -> list[Scalar]:
        """One that comes again and again is kept once."""
        lengths = np.frombuffer(self.take(4 * count), dtype="<u4").tolist()
        known: dict[bytes, str] = {}
        found: list[Scalar] = []
        for length in lengths:
            if length == NO_TEXT:
                found.append(None)
                continue
            text = bytes(self.take(length))
            found.append(known.get(text) or known.setdefault(text, text.decode()))
        return found
