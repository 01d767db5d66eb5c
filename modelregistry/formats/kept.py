"""Kept rows, read one by one from their file: little of it is in memory at a time. Pure."""

import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from types import TracebackType
from typing import BinaryIO, Final, TypeVar

import msgspec

from modelregistry.formats.rows import Rows, Scalar
from modelregistry.formats.runtime import ClassLabel, FormatError

T = TypeVar("T")
PIECE_BYTES: Final = 1 << 18
OTHERWISE: Final = "The rows are not written as they are kept."
# What Rows.to_json makes: these names in this order, no blanks, and rows without arrays in them.
TEXT: Final = rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"'
FLAT: Final = rb'\[[^\]"]*+(?:' + TEXT + rb'[^\]"]*+)*+\]'
COLUMNS: Final = re.compile(rb'\{"columns":(' + FLAT + rb'),"values":\[', re.DOTALL)
TARGETS_NAME: Final = b',"targets":'  # in a text its quotes would have backslashes
TARGETS: Final = re.compile(TARGETS_NAME + rb"(\[|null\})")
END: Final = re.compile(rb"\]?")
ROW: Final = re.compile(rb"(" + FLAT + rb")([,\]])", re.DOTALL)
TARGET: Final = re.compile(rb"(" + TEXT + rb'|[^,\]"]++)([,\]])', re.DOTALL)

_columns = msgspec.json.Decoder(tuple[str, ...])
_row = msgspec.json.Decoder(tuple[Scalar, ...])
_target = msgspec.json.Decoder(ClassLabel)


class KeptRows:
    """What Rows.to_json has made, in a file that it closes. Raises FormatError for other things: at
    once, with the file closed, or where they come.

    Its bytes are gone through once, to find the targets; to count the rows takes longer.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        with ExitStack() as until_found:
            until_found.callback(file.close)
            window = _Window(file, 0)
            (self.columns,) = _decoded(_columns, iter([window.take(COLUMNS)[1]]))
            self._first_row = window.place
            targets = _Window(file, _place_of(file, TARGETS_NAME))
            self.has_targets = targets.take(TARGETS)[1] == b"["
            self._first_target = targets.place
            until_found.pop_all()

    def __len__(self) -> int:
        return sum(1 for _ in _Window(self._file, self._first_row).rows())

    def __enter__(self) -> "KeptRows":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        self._file.close()

    def each(self) -> Iterator[tuple[Scalar, ...]]:
        """The rows, without their targets."""
        return _decoded(_row, _Window(self._file, self._first_row).rows())

    def targets(self) -> Iterator[ClassLabel]:
        """One for each row; none where the rows came without."""
        if self.has_targets:
            yield from _decoded(_target, _Window(self._file, self._first_target).targets())

    def first(self, most: int) -> Rows:
        """At most so many, with their targets."""
        values = tuple(row for row, _ in zip(self.each(), range(most), strict=False))
        targets = tuple(target for target, _ in zip(self.targets(), range(most), strict=False))
        return Rows(
            columns=self.columns, values=values, targets=targets if self.has_targets else None
        )


def _decoded(decoder: msgspec.json.Decoder[T], items: Iterator[bytes]) -> Iterator[T]:
    """Raises FormatError."""
    try:
        yield from map(decoder.decode, items)
    except (msgspec.DecodeError, ValueError) as error:
        raise FormatError(OTHERWISE) from error


def _place_of(file: BinaryIO, words: bytes) -> int:
    """Where in the file the words are. Raises FormatError where they are not."""
    start, held = 0, b""
    file.seek(0)
    while piece := file.read(PIECE_BYTES):
        held += piece
        if (at := held.find(words)) >= 0:
            return start + at
        start += max(0, len(held) - len(words))
        held = held[-len(words) :]
    raise FormatError(OTHERWISE)


class _Window:
    """Goes through a file from `start` on. Several may go through the same one by turns."""

    def __init__(self, file: BinaryIO, start: int) -> None:
        self._file = file
        self._start = start  # where in the file what is held begins
        self._held = b""
        self._at = 0

    @property
    def place(self) -> int:
        return self._start + self._at

    def take(self, pattern: re.Pattern[bytes]) -> re.Match[bytes]:
        """What comes next, and goes on behind it. Raises FormatError where it is something else."""
        while (found := pattern.match(self._held, self._at)) is None:
            self._read_on()
        self._at = found.end()
        return found

    def rows(self) -> Iterator[bytes]:
        """Of an array that has begun, to its end. Raises FormatError."""
        return self._items(lambda: self._row_without_text() or self.take(ROW).groups())

    def targets(self) -> Iterator[bytes]:
        """Of an array that has begun, to its end. Raises FormatError."""
        return self._items(lambda: self.take(TARGET).groups())

    def _items(self, one: Callable[[], tuple[bytes, ...]]) -> Iterator[bytes]:
        if self._at == len(self._held):
            self._read_on()
        mark = b"]" if self.take(END)[0] else b","
        while mark == b",":
            item, mark = one()
            yield item

    def _row_without_text(self) -> tuple[bytes, ...]:
        """Found ten times as fast as by the pattern; nothing where that is needed."""
        end = self._held.find(b"]", self._at) + 1
        if end in (0, len(self._held)) or self._held.find(b'"', self._at, end) >= 0:
            return ()
        row, mark = self._held[self._at : end], self._held[end : end + 1]
        self._at = end + 1
        return row, mark

    def _read_on(self) -> None:
        """Twice as much where one item is long, so that it is not looked at again and again."""
        rest = self._held[self._at :]
        self._file.seek(self._start + len(self._held))
        more = self._file.read(max(PIECE_BYTES, len(rest)))
        if not more:
            raise FormatError(OTHERWISE)
        self._start, self._held, self._at = self.place, rest + more, 0
