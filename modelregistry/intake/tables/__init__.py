"""Rows from files: CSV, JSON lines or Parquet, told apart by their content and never by a name.

The same table gives the same rows in all three. Sniffing is here; each format has a file of its
own, and columns.py what is asked of all.
"""

from modelregistry.errors import RefusedFile
from modelregistry.formats.rows import Rows
from modelregistry.intake.tables.columns import MOST_BYTES
from modelregistry.intake.tables.csv_table import read_csv
from modelregistry.intake.tables.json_lines import read_json_lines
from modelregistry.intake.tables.parquet import MAGIC, read_parquet

__all__ = ["read_csv", "read_json_lines", "read_parquet", "read_rows"]


def read_rows(data: bytes, *, target: str | None = None) -> Rows:
    """The rows of a CSV, JSON lines or Parquet file; `target` names the column of the answers.

    Raises RefusedFile, saying what is wrong in plain words.
    """
    if len(data) > MOST_BYTES:
        raise RefusedFile(f"A file of rows has {MOST_BYTES >> 20} MB at most.")
    if data.startswith(MAGIC):
        return read_parquet(data, target=target)
    start = data[:64].removeprefix(b"\xef\xbb\xbf").lstrip()
    if start.startswith(b"{"):
        return read_json_lines(data, target=target)
    if start.replace(b" ", b"").startswith((b"[{", b"[\n{", b"[[")):
        raise RefusedFile("JSON rows come as one object a line, without a list around them.")
    return read_csv(data, target=target)
