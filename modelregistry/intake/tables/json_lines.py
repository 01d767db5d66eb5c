"""Rows from JSON lines: one object a line, its keys the columns."""

from collections.abc import Iterator

import msgspec

from modelregistry.errors import RefusedFile
from modelregistry.formats.rows import Rows, Scalar
from modelregistry.intake.tables.columns import Column, check_bounds, check_header, table

_line = msgspec.json.Decoder(dict[str, str | float | int | bool | None])


def read_json_lines(data: bytes, *, target: str | None = None) -> Rows:
    """The rows of a JSON lines file. The first line names the columns; null, or no value at all,
    is a missing one. `target` names the column of the answers. Raises RefusedFile.
    """
    header: list[str] = []
    columns: dict[str, list[Scalar]] = {}
    for number, row in enumerate(_objects(data), start=1):
        if not columns:
            header = list(row)
            check_header(header)
            columns = {name: [] for name in header}
        check_bounds(number, len(columns))
        if not columns.keys() >= row.keys():
            raise RefusedFile(f"Line {number} of the sample rows has a column the first has not.")
        for name, column in columns.items():
            column.append(row.get(name))
    found: list[Column] = [columns[name] for name in header]
    check_bounds(len(found[0]) if found else 0, len(found))
    return table(header, found, target)


def names_in_json_lines(data: bytes) -> list[str]:
    """Of its columns, which its first line has; none where there is no line. Raises RefusedFile."""
    return list(next(_objects(data), {}))


def _objects(data: bytes) -> Iterator[dict[str, Scalar]]:
    """Raises RefusedFile for a line that is no plain object."""
    start, number = 3 if data.startswith(b"\xef\xbb\xbf") else 0, 0
    while start < len(data):
        end = data.find(b"\n", start)
        end = len(data) if end < 0 else end
        line, start = data[start:end].strip(), end + 1
        if not line:
            continue
        number += 1
        try:
            yield _line.decode(line)
        except (msgspec.DecodeError, ValueError, RecursionError) as error:
            raise RefusedFile(_fault(number, error)) from error


def _fault(number: int, error: Exception) -> str:
    line = f"Line {number} of the sample rows"
    if isinstance(error, msgspec.ValidationError):
        return f"{line} is no object of plain values: texts, numbers, true, false and null."
    return f"{line} is no JSON object: each line holds one whole object."
