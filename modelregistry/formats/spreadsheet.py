"""Rows as CSV that spreadsheets open without running anything in it. Pure."""

import csv
import io
from collections.abc import Iterator

from modelregistry.formats.kept import KeptRows
from modelregistry.formats.rows import Scalar

FORMULA = ("=", "+", "-", "@", "\t", "\r")  # what makes a spreadsheet take text for a formula
PIECE_CHARACTERS = 1 << 16


def as_csv(rows: KeptRows, *, target: str = "target") -> Iterator[bytes]:
    """A header and a line a row, the targets last, where there are any, under the name `target`.

    It comes in pieces of many lines. Text that a spreadsheet would run gets an apostrophe before
    it; numbers stay numbers, and what is missing is empty.
    """
    text = io.StringIO()
    writer = csv.writer(text)
    for line in _lines(rows, target):
        writer.writerow(map(_harmless, line))
        if text.tell() > PIECE_CHARACTERS:
            yield text.getvalue().encode()
            text.seek(0)
            text.truncate()
    yield text.getvalue().encode()


def _lines(rows: KeptRows, target: str) -> Iterator[tuple[Scalar, ...]]:
    if not rows.has_targets:
        yield rows.columns
        yield from rows.each()
        return
    yield (*rows.columns, _beside(rows.columns, target))
    for row, answer in zip(rows.each(), rows.targets(), strict=True):
        yield (*row, answer)


def _harmless(cell: Scalar) -> Scalar:
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(FORMULA) else cell


def _beside(columns: tuple[str, ...], name: str) -> str:
    """The name, made another one where a column is called so."""
    while name in columns:
        name += "_"
    return name
