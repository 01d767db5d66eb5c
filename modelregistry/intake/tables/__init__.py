"""Rows from files: CSV, JSON lines or Parquet, told apart by their content and never by a name.

The same table gives the same rows in all three. Sniffing is here; each format has a file of its
own, and columns.py what is asked of all.
"""

from typing import Literal

from modelregistry.errors import RefusedFile
from modelregistry.formats.rows import Rows
from modelregistry.intake.tables.columns import MOST_BYTES, check_header, without_target
from modelregistry.intake.tables.csv_table import names_in_csv, read_csv
from modelregistry.intake.tables.json_lines import names_in_json_lines, read_json_lines
from modelregistry.intake.tables.parquet import MAGIC, read_parquet

__all__ = ["check_columns", "read_csv", "read_json_lines", "read_parquet", "read_rows"]


def read_rows(data: bytes, *, target: str | None = None) -> Rows:
    """The rows of a CSV, JSON lines or Parquet file; `target` names the column of the answers.

    Raises RefusedFile, saying what is wrong in plain words.
    """
    if len(data) > MOST_BYTES:
        raise RefusedFile(f"A file of rows has {MOST_BYTES >> 20} MB at most.")
    kind = _kind(data)
    if kind == "parquet":
        return read_parquet(data, target=target)
    if kind == "json lines":
        return read_json_lines(data, target=target)
    return read_csv(data, target=target)


def check_columns(head: bytes, *, whole: bool, target: str | None = None) -> None:
    """What its first bytes give away of a file that is still coming in; `whole`: they are all.

    Raises RefusedFile where its columns have no names of their own, or `target` is none of them.
    Parquet names them at its end, and a first line may be longer than what is here: then nothing
    is said.
    """
    kind = _kind(head)
    lines = head if whole else head[: head.rfind(b"\n") + 1]
    if kind == "parquet" or not lines:
        return
    names = names_in_json_lines(lines) if kind == "json lines" else names_in_csv(lines)
    check_header(names)
    if names and target is not None and target not in names:
        raise without_target(target)


def _kind(data: bytes) -> Literal["csv", "json lines", "parquet"]:
    """Raises RefusedFile for JSON that is no lines."""
    if data.startswith(MAGIC):
        return "parquet"
    start = data[:64].removeprefix(b"\xef\xbb\xbf").lstrip()
    if start.startswith(b"{"):
        return "json lines"
    if start.replace(b" ", b"").startswith((b"[{", b"[\n{", b"[[")):
        raise RefusedFile("JSON rows come as one object a line, without a list around them.")
    return "csv"
