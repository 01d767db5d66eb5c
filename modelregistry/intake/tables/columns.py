"""What is asked of rows in every format: names, bounds, finite numbers, text, missing values."""

from collections.abc import Callable, Sequence
from math import isnan
from typing import TypeAlias

from modelregistry.errors import RefusedFile
from modelregistry.formats.rows import Rows, Scalar, is_beyond_floats
from modelregistry.formats.runtime import ClassLabel, FormatError

MOST_BYTES = 256 << 20
MOST_ROWS = 1_000_000
MOST_CELLS = 5_000_000  # some 50 bytes each once they are read
MOST_COLUMNS = 10_000
LONGEST_TEXT = 100_000
INTEGERS = 10**18  # a longer number may not fit 64 bits, and is read as a float

Column: TypeAlias = Sequence[Scalar]


def check_bounds(rows: int, columns: int) -> None:
    """Raises RefusedFile where there is nothing, or too much to hold in memory."""
    if not rows or not columns:
        raise RefusedFile("The sample rows need a column and at least one row.")
    if columns > MOST_COLUMNS:
        raise RefusedFile(f"The sample rows have more than {MOST_COLUMNS:,} columns.")
    if rows > MOST_ROWS:
        raise RefusedFile(f"The sample rows are more than {MOST_ROWS:,}.")
    if rows * columns > MOST_CELLS:
        raise RefusedFile(
            f"The sample rows have more than {MOST_CELLS:,} cells in all: hand in fewer rows."
        )


def check_header(names: Sequence[str]) -> None:
    """Raises RefusedFile where a name is there twice."""
    if len(names) > MOST_COLUMNS:
        raise RefusedFile(f"The sample rows have more than {MOST_COLUMNS:,} columns.")
    places: dict[str, int] = {}
    for place, name in enumerate(names, start=1):
        if name in places:
            raise RefusedFile(f"The columns {places[name]} and {place} have the same name.")
        places[name] = place


def without_target(target: str) -> RefusedFile:
    return RefusedFile(f"The sample rows have no column {target[:200]}.")


def table(names: Sequence[str], columns: Sequence[Column], target: str | None) -> Rows:
    """The columns as rows, the target's taken out. Raises RefusedFile."""
    clean = [checked(name, column) for name, column in zip(names, columns, strict=True)]
    if sum(map(_length, clean)) > MOST_BYTES:  # a Parquet file can say it in a few bytes
        raise RefusedFile(f"The sample rows hold more than {MOST_BYTES >> 20} MB of text.")
    if target is None:
        return _rows(names, clean, None)
    if target not in names:
        raise without_target(target)
    at = list(names).index(target)
    labels = _labels(clean.pop(at))
    if not clean:
        raise RefusedFile("The sample rows have no column beside the target.")
    return _rows([*names[:at], *names[at + 1 :]], clean, labels)


def checked(name: str, column: Column) -> Column:
    """The column with finite numbers, whole ones of 64 bits, and no gap among text.

    NaN is a missing number; among text, a missing value is an empty text. Raises RefusedFile.
    """
    kinds = {type(value) for value in column}
    if str not in kinds:
        return column if kinds <= {bool} else _numbers(column)
    if kinds - {str, type(None)}:
        raise RefusedFile(f"The column {name[:200]} of the sample rows mixes text with numbers.")
    _first(column, lambda text: isinstance(text, str) and "\0" in text, "a NUL character")
    _first(column, _is_too_long, "a text that is too long")
    return ["" if text is None else text for text in column]


def _length(column: Column) -> int:
    """Of its texts, which a column has throughout or not at all."""
    if not isinstance(column[0], str):
        return 0
    return sum(len(text) for text in column if isinstance(text, str))


def _numbers(column: Column) -> Column:
    _first(column, is_beyond_floats, "a number that is not finite")
    return [_number(value) for value in column]


def _is_too_long(value: Scalar) -> bool:
    return isinstance(value, str) and len(value) > LONGEST_TEXT


def _number(value: Scalar) -> Scalar:
    if isinstance(value, float):
        return None if isnan(value) else value
    if isinstance(value, int) and abs(value) >= INTEGERS:
        return float(value)
    return value


def _first(column: Column, is_fault: Callable[[Scalar], bool], fault: str) -> None:
    for row, value in enumerate(column, start=1):
        if is_fault(value):
            raise RefusedFile(f"Row {row} of the sample rows has {fault}.")


def _labels(column: Column) -> tuple[ClassLabel, ...]:
    if any(cell is None for cell in column):
        raise RefusedFile("Every sample row needs a target, or none may have one.")
    return tuple(cell for cell in column if cell is not None)


def _rows(
    names: Sequence[str], columns: Sequence[Column], targets: tuple[ClassLabel, ...] | None
) -> Rows:
    try:
        values = tuple(zip(*columns, strict=True))
        return Rows(columns=tuple(names), values=values, targets=targets)
    except FormatError as error:
        raise RefusedFile(str(error)) from error
