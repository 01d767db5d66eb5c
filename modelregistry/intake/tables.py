"""Reads sample rows from a CSV file: a header, then one row a line."""

import csv
import io
from math import isinf, isnan, nan

from modelregistry.errors import RefusedFile
from modelregistry.formats.rows import Rows, Scalar
from modelregistry.formats.runtime import ClassLabel, FormatError

INT64_DIGITS = 18  # a longer number may not fit, and is read as a float


def read_csv(data: bytes, *, target: str | None = None) -> Rows:
    """The rows of a CSV file. A column is text as soon as one cell of it is no number.

    An empty cell and nan are a missing number; among text, an empty cell is an empty text.
    `target` names the column that holds the expected answers. Raises RefusedFile.
    """
    header, lines = _cells(data)
    columns = [_column([line[index] for line in lines]) for index in range(len(header))]
    if target is None:
        return _rows(header, columns, None)
    if target not in header:
        raise RefusedFile(f"The sample rows have no column {target}.")
    at = header.index(target)
    targets = _labels(columns.pop(at))
    return _rows(header[:at] + header[at + 1 :], columns, targets)


def _cells(data: bytes) -> tuple[list[str], list[list[str]]]:
    try:
        lines = [line for line in csv.reader(io.StringIO(data.decode("utf-8-sig"))) if line]
    except (UnicodeDecodeError, csv.Error) as error:
        raise RefusedFile("The sample rows are no CSV text in UTF-8.") from error
    if len(lines) < 2:
        raise RefusedFile("The sample rows need a header line and at least one row.")
    header = [name.strip() for name in lines[0]]
    for number, line in enumerate(lines[1:], start=2):
        if len(line) != len(header):
            raise RefusedFile(
                f"Line {number} of the sample rows has {len(line)} cells, not {len(header)}."
            )
    return header, lines[1:]


def _column(cells: list[str]) -> list[Scalar]:
    try:
        numbers = [_number(cell) for cell in cells]
    except ValueError:
        return list(cells)
    for row, number in enumerate(numbers, start=1):
        if number is not None and isinf(number):
            raise RefusedFile(f"Row {row} of the sample rows has a number that is not finite.")
    return list(numbers)


def _number(cell: str) -> float | int | None:
    text = cell.strip()
    if text.lstrip("+-").isdecimal() and len(text) <= INT64_DIGITS:
        return int(text)
    number = float(text) if text else nan
    return None if isnan(number) else number


def _labels(cells: list[Scalar]) -> tuple[ClassLabel, ...]:
    if any(cell is None for cell in cells):
        raise RefusedFile("Every sample row needs a target, or none may have one.")
    return tuple(cell for cell in cells if cell is not None)


def _rows(
    header: list[str], columns: list[list[Scalar]], targets: tuple[ClassLabel, ...] | None
) -> Rows:
    try:
        values = tuple(zip(*columns, strict=True))
        return Rows(columns=tuple(header), values=values, targets=targets)
    except FormatError as error:
        raise RefusedFile(str(error)) from error
