"""Rows from Parquet: flat columns of numbers, text and booleans, read in bounded pieces."""

import re
from collections.abc import Iterator
from typing import Any

from modelregistry.errors import RefusedFile
from modelregistry.formats.rows import Rows, Scalar
from modelregistry.intake.tables.columns import (
    LONGEST_TEXT,
    MOST_BYTES,
    check_bounds,
    check_header,
    table,
)
from modelregistry.intake.tables.pages import unpacked_bytes

MAGIC = b"PAR1"
PIECE = 16_384  # rows
MOST_UNPACKED = 2 * MOST_BYTES
LARGEST_FOOTER = 4 << 20
KINDS = {
    "timestamp": "times",
    "date": "dates",
    "time": "times",
    "duration": "durations",
    "decimal": "decimal numbers",
    "binary": "bytes",
    "large_binary": "bytes",
    "fixed_size_binary": "bytes",
}
NOT_WHOLE = "The sample rows are a Parquet file that is damaged, cut off or encrypted."


def read_parquet(data: bytes, *, target: str | None = None) -> Rows:
    """The rows of a Parquet file; null and NaN are missing values.

    `target` names the column that holds the expected answers. Raises RefusedFile.
    """
    # Lazy: pyarrow takes 40 MB and 0.2 s that most who read rows never need.
    import pyarrow as pa  # noqa: PLC0415

    try:
        return _read(data, target)
    except (pa.ArrowException, OSError, ValueError, UnicodeDecodeError, OverflowError) as error:
        raise RefusedFile(NOT_WHOLE) from error


def _read(data: bytes, target: str | None) -> Rows:
    names, texts = _plain_columns(data)
    columns: list[list[Scalar]] = [[] for _ in names]
    for piece in _open(data, read_dictionary=texts).iter_batches(PIECE, use_threads=False):
        check_bounds(len(columns[0]) + piece.num_rows, len(names))
        for column, values in zip(columns, piece.columns, strict=True):
            column.extend(_values(values))
    return table(names, columns, target)


def _open(data: bytes, **options: Any) -> Any:
    import pyarrow as pa  # noqa: PLC0415 (as above)
    from pyarrow import parquet  # noqa: PLC0415

    return parquet.ParquetFile(
        pa.BufferReader(data),
        thrift_string_size_limit=LARGEST_FOOTER,
        thrift_container_size_limit=100_000,
        arrow_extensions_enabled=False,
        **options,
    )


def _plain_columns(data: bytes) -> tuple[list[str], list[str]]:
    """All columns, and which hold text, before any value is read. Raises RefusedFile."""
    file = _open(data)
    facts, schema = file.metadata, file.schema_arrow
    check_header(schema.names)
    check_bounds(facts.num_rows, len(schema.names))
    texts = [field.name for field in schema if _is_text(field)]
    if len(schema.names) != facts.num_columns:
        raise RefusedFile("The sample rows have columns within columns; they need plain ones.")
    if sum(_unpacked(data, facts)) > MOST_UNPACKED:
        raise RefusedFile(
            f"The sample rows take more than {MOST_UNPACKED >> 20} MB once they are unpacked."
        )
    return schema.names, texts


def _is_text(field: Any) -> bool:
    """Whether the column is text; it may be a number too. Raises RefusedFile for all else."""
    from pyarrow import types  # noqa: PLC0415 (as above)

    kind = field.type.value_type if types.is_dictionary(field.type) else field.type
    if types.is_string(kind) or types.is_large_string(kind):
        return True
    numeric = types.is_integer(kind) or types.is_floating(kind)
    if numeric or types.is_boolean(kind) or types.is_null(kind):
        return False
    if types.is_nested(kind):
        what = "lists or columns of its own"
    else:
        word = re.match("[a-z_]*", str(kind))
        what = KINDS.get(word[0], "") if word else ""
    raise RefusedFile(
        f"The column {field.name[:200]} of the sample rows holds {what or 'values of another kind'}"
        ": it needs numbers, text or booleans."
    )


def _unpacked(data: bytes, facts: Any) -> Iterator[int]:
    """The size of every column's pages once they are unpacked, as the pages themselves say."""
    for group in range(facts.num_row_groups):
        for column in range(facts.num_columns):
            chunk = facts.row_group(group).column(column)
            starts = [chunk.data_page_offset]
            if chunk.has_dictionary_page and chunk.dictionary_page_offset:
                starts.append(chunk.dictionary_page_offset)
            start = min(starts)
            yield unpacked_bytes(data, start, start + chunk.total_compressed_size)


def _values(values: Any) -> list[Scalar]:
    """A piece of a column; a text that comes again and again is kept once."""
    import pyarrow as pa  # noqa: PLC0415 (as above)

    if not isinstance(values, pa.DictionaryArray):
        found: list[Scalar] = values.to_pylist()
        return found
    words: list[Scalar] = values.dictionary.to_pylist()
    if any(isinstance(word, str) and len(word) > LONGEST_TEXT for word in words):
        raise RefusedFile("The sample rows have a text that is too long.")
    return [None if place is None else words[place] for place in values.indices.to_pylist()]
