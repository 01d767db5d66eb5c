"""Rows from CSV: a header, then one row a line."""

import csv
import io
from collections.abc import Iterator

from modelregistry.errors import RefusedFile
from modelregistry.formats.rows import Rows
from modelregistry.intake.tables.columns import (
    LONGEST_TEXT,
    Column,
    check_bounds,
    check_header,
    table,
)

INT64_DIGITS = 18  # a longer number may not fit, and is read as a float


def read_csv(data: bytes, *, target: str | None = None) -> Rows:
    """The rows of a CSV file. A column is text as soon as one cell of it is no number.

    An empty cell and nan are a missing number; among text, an empty cell is an empty text.
    `target` names the column that holds the expected answers. Raises RefusedFile.
    """
    header, cells = _cells(data)
    return table(header, [_column(column) for column in cells], target)


def names_in_csv(data: bytes) -> list[str]:
    """Of its columns; none where there is no line. Raises RefusedFile."""
    return [name.strip() for name in next(_lines(data), [])]


def _cells(data: bytes) -> tuple[list[str], list[list[str]]]:
    """The header, and every column's cells as they are written."""
    lines = _lines(data)
    header = [name.strip() for name in next(lines, [])]
    check_header(header)
    columns: list[list[str]] = [[] for _ in header]
    for number, line in enumerate(lines, start=1):
        if len(line) != len(header):
            raise RefusedFile(
                f"Line {number + 1} of the sample rows has {len(line)} cells, not {len(header)}."
            )
        check_bounds(number, len(header))
        for column, cell in zip(columns, line, strict=True):
            column.append(cell)
    if not columns or not columns[0]:
        raise RefusedFile("The sample rows need a header line and at least one row.")
    return header, columns


def _lines(data: bytes) -> Iterator[list[str]]:
    """Raises RefusedFile for what is no CSV; empty lines are none."""
    text = io.TextIOWrapper(io.BytesIO(data), encoding="utf-8-sig", newline="")
    csv.field_size_limit(LONGEST_TEXT)
    try:
        yield from (line for line in csv.reader(text) if line)
    except (UnicodeDecodeError, csv.Error) as error:
        raise RefusedFile(
            "The sample rows are no CSV text in UTF-8, and neither JSON lines nor Parquet."
        ) from error


def _column(cells: list[str]) -> Column:
    try:
        return [_number(cell) for cell in cells]
    except ValueError:
        return cells


def _number(cell: str) -> float | int | None:
    text = cell.strip()
    if text.lstrip("+-").isdecimal() and len(text) <= INT64_DIGITS:
        return int(text)
    if "_" in text:  # Python's way to write numbers, nobody else's
        raise ValueError(text)
    return float(text) if text else None
