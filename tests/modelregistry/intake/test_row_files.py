"""Rows from files of three formats: the same table is the same rows, whatever a file is called."""

import json
from contextlib import suppress
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from io import BytesIO
from typing import Any

import numpy as np
import psutil
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import parquet

from modelregistry.errors import RefusedFile
from modelregistry.intake import tables
from modelregistry.intake.tables import read_rows
from modelregistry.intake.tables.columns import MOST_CELLS, MOST_ROWS

NUMBERS = st.lists(st.one_of(st.none(), st.integers(-(2**40), 2**40)), min_size=3, max_size=3)
DECIMALS = st.lists(
    st.one_of(st.none(), st.floats(allow_nan=False, allow_infinity=False)), min_size=3, max_size=3
)
LETTERS = st.text(alphabet="abc,;\"' äßж😀", min_size=1, max_size=9).map(lambda text: f"w{text}")
WORDS = st.lists(LETTERS, min_size=3, max_size=3)


def as_parquet(columns: dict[str, Any], **options: Any) -> bytes:
    out = BytesIO()
    parquet.write_table(pa.table(columns), out, **options)
    return out.getvalue()


def as_lines(columns: dict[str, list[Any]]) -> bytes:
    rows = zip(*columns.values(), strict=True)
    return "".join(json.dumps(dict(zip(columns, row, strict=True))) + "\n" for row in rows).encode()


def as_csv(columns: dict[str, list[Any]]) -> bytes:
    def cell(value: object) -> str:
        text = "" if value is None else repr(value) if not isinstance(value, str) else value
        return f'"{text.replace(chr(34), chr(34) * 2)}"'

    lines = [columns, *zip(*columns.values(), strict=True)]
    return "".join(",".join(map(cell, line)) + "\r\n" for line in lines).encode()


@given(count=NUMBERS, size=DECIMALS, kind=WORDS, answer=WORDS)
def test_the_same_table_is_the_same_rows_in_every_format(
    count: list[Any], size: list[Any], kind: list[Any], answer: list[Any]
) -> None:
    columns = {"count": count, "size": size, "kind": kind, "answer": answer}
    by_csv = read_rows(as_csv(columns), target="answer")
    assert by_csv.columns == ("count", "size", "kind")
    assert by_csv.values == tuple(zip(count, size, kind, strict=True))
    assert by_csv.targets == tuple(answer)
    assert read_rows(as_lines(columns), target="answer") == by_csv
    assert read_rows(as_parquet(columns), target="answer") == by_csv


@pytest.mark.parametrize("version", ["1.0", "2.0"])
@pytest.mark.parametrize("packing", ["none", "snappy", "gzip", "zstd", "brotli", "lz4"])
def test_parquet_is_read_however_it_is_packed(packing: str, version: str) -> None:
    columns = {"a": list(range(50_000)), "b": ["x", None] * 25_000, "y": [True, False] * 25_000}
    made = as_parquet(columns, compression=packing, data_page_version=version, row_group_size=7_000)
    rows = read_rows(made, target="y")
    assert len(rows) == 50_000
    assert rows.values[:2] == ((0, "x"), (1, ""))
    assert rows.targets is not None
    assert rows.targets[:2] == (True, False)


def test_what_pandas_calls_a_category_is_text() -> None:
    kinds = pa.array(["red", "blue", None, "red"]).dictionary_encode()
    assert read_rows(as_parquet({"kind": kinds})).values == (("red",), ("blue",), ("",), ("red",))


def test_a_column_without_any_value_is_missing_numbers() -> None:
    assert read_rows(as_parquet({"a": [1, 2], "b": [None, None]})).values == ((1, None), (2, None))
    assert read_rows(b'{"a":1,"b":null}\n{"a":2}\n').values == ((1, None), (2, None))


@pytest.mark.parametrize(
    ("data", "target", "said"),
    [
        (b'{"a": 1}\n{"a": 1, "b": 2}\n', None, "Line 2 of the sample rows has a column the first"),
        (b'{"a": 1}\n[1]\n', None, "Line 2 of the sample rows is no object of plain"),
        (b'{"a": 1}\n\n{"a": \n', None, "Line 2 of the sample rows is no JSON object"),
        (b'{"a": {"b": 1}}\n', None, "Line 1 of the sample rows is no object of plain"),
        (b'{"a": [1]}\n', None, "plain values: texts, numbers, true, false and null"),
        (b'{"a": NaN}\n', None, "Line 1 of the sample rows is no JSON object"),
        (b'{"a": 1e999}\n', None, "Line 1 of the sample rows is no"),
        (b'{"a": 1}\n{"a": 1%s}\n' % (b"0" * 400), None, "Row 2 .* not finite"),
        (b'{"a": 1}\n{"a": -1%s}\n' % (b"0" * 400), None, "Row 2 .* not finite"),
        (b'{"a": 1, "y": 1%s}\n' % (b"0" * 400), "y", "Row 1 .* not finite"),
        (b'{"a": "\xff"}\n', None, "Line 1 of the sample rows is no JSON object"),
        (b'{"a": "\\ud800"}\n', None, "Line 1 of the sample rows is no JSON object"),
        (b'{"a": "x\\u0000"}\n', None, "Row 1 of the sample rows has a NUL character"),
        (b'{"a": 1}\n{"a": "one"}\n', None, "column a of the sample rows mixes text with numbers"),
        (b'{"a": "one"}\n{"a": true}\n', None, "mixes text with numbers"),
        (b'{"a": 1}\n', "y", "no column y"),
        (b'{"y": 1}\n', "y", "no column beside the target"),
        (b'{"a": 1, "y": null}\n', "y", "Every sample row needs a target"),
        (b"{}\n", None, "need a column and at least one row"),
        (b'[{"a": 1}]', None, "one object a line, without a list around them"),
        (b"[[1, 2]]", None, "one object a line, without a list around them"),
        (b"a,b\n1,x\0y\n", None, "Row 1 of the sample rows has a NUL character|no CSV"),
        (b"a,a\n1,2\n", None, "The columns 1 and 2 have the same name"),
        (b"a\n" + b"x" * 200_000, None, "no CSV text"),
        (b"PK\x03\x04\xff\xfe", None, "neither JSON lines nor Parquet"),
        (b"PAR1", None, "damaged, cut off or encrypted"),
        (b"PAR1" + b"\xff" * 80 + b"PAR1", None, "damaged, cut off or encrypted"),
        (as_parquet({"a": [1.0, float("inf")]}), None, "Row 2 .* not finite"),
        (as_parquet({"a": ["x\0"]}), None, "NUL character"),
        (as_parquet({"a": ["x" * 100_001]}), None, "a text that is too long"),
        (as_parquet({"a": [1]}), "y", "no column y"),
        (as_parquet({"a": [1], "y": pa.array([None], pa.int64())}), "y", "needs a target"),
        (as_parquet({"a": pa.array([], pa.int64())}), None, "at least one row"),
    ],
)
def test_what_is_wrong_is_said(data: bytes, target: str | None, said: str) -> None:
    with pytest.raises(RefusedFile, match=said):
        read_rows(data, target=target)


@pytest.mark.parametrize(
    ("value", "held"),
    [
        ([1, 2], "lists or columns of its own"),
        ({"b": 1}, "lists or columns of its own"),
        (date(2026, 11, 26), "dates"),
        (datetime(2026, 11, 26, tzinfo=UTC), "times"),
        (time(12), "times"),
        (timedelta(1), "durations"),
        (Decimal("1.5"), "decimal numbers"),
        (b"bytes", "bytes"),
    ],
)
def test_parquet_columns_that_no_model_takes_are_refused_by_name(value: object, held: str) -> None:
    with pytest.raises(RefusedFile) as refused:
        read_rows(as_parquet({"size": [1], "odd": [value]}))
    assert str(refused.value) == (
        f"The column odd of the sample rows holds {held}: it needs numbers, text or booleans."
    )


def test_parquet_that_names_a_column_twice_is_refused() -> None:
    twice = pa.table([[1], [2]], names=["a", "a"])
    out = BytesIO()
    parquet.write_table(twice, out)
    with pytest.raises(RefusedFile, match="columns 1 and 2 have the same name"):
        read_rows(out.getvalue())


def test_whole_numbers_beyond_64_bits_are_read_as_floats_everywhere() -> None:
    large = 2**63 + 1
    unsigned = pa.array([large], pa.uint64())
    for data in (
        f"a\n{large}\n".encode(),
        f'{{"a":{large}}}'.encode(),
        as_parquet({"a": unsigned}),
    ):
        assert read_rows(data).values == ((float(large),),)


def test_a_number_as_only_python_writes_it_is_text() -> None:
    assert read_rows(b"a\n1_000\n").values == (("1_000",),)


def peak_of(data: bytes, said: str) -> int:
    """MB by which refusing it lets this process grow."""
    before = psutil.Process().memory_info().rss
    with pytest.raises(RefusedFile, match=said):
        read_rows(data)
    return (psutil.Process().memory_info().rss - before) >> 20


def repeated(text: str, count: int) -> pa.DictionaryArray:
    return pa.DictionaryArray.from_arrays(pa.array(np.zeros(count, dtype=np.int32)), [text])


def test_a_few_bytes_that_say_80_gigabytes_are_refused() -> None:
    bomb = as_parquet({"a": repeated("x" * 90_000, 900_000)}, compression="zstd")
    assert len(bomb) < 10_000
    assert peak_of(bomb, "more than 256 MB of text") < 200


def test_pages_that_unpack_to_too_much_are_refused_before_one_is() -> None:
    some = pa.table({"a": ["x" * 90_000] * 1_000})
    out = BytesIO()
    with parquet.ParquetWriter(out, some.schema, compression="zstd", use_dictionary=False) as made:
        for _ in range(8):
            made.write_table(some)
    assert len(out.getvalue()) < 200_000
    assert peak_of(out.getvalue(), "more than 512 MB once they are unpacked") < 50


def test_a_page_that_is_larger_than_its_column_says_is_counted_by_its_own_header(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(tables.parquet, "MOST_UNPACKED", 50_000)
    honest = as_parquet({"a": list(range(10_000))}, compression="zstd", use_dictionary=False)
    with pytest.raises(RefusedFile, match="once they are unpacked"):
        read_rows(honest)
    monkeypatch.setattr(tables.parquet, "MOST_UNPACKED", 100_000)
    assert len(read_rows(honest)) == 10_000


@pytest.mark.parametrize(
    ("rows", "columns", "said"),
    [(MOST_ROWS + 1, 1, "more than 1,000,000"), (MOST_CELLS // 20 + 1, 20, "5,000,000 cells")],
)
def test_more_rows_or_cells_than_are_held_are_refused(rows: int, columns: int, said: str) -> None:
    flat = {f"c{index}": np.zeros(rows, dtype=np.int8) for index in range(columns)}
    with pytest.raises(RefusedFile, match=said):
        read_rows(as_parquet(flat))
    if columns == 1:
        with pytest.raises(RefusedFile, match=said):
            read_rows(b"a\n" + b"0\n" * rows)
        with pytest.raises(RefusedFile, match=said):
            read_rows(b'{"a":0}\n' * rows)


SOUND = as_parquet({"a": list(range(300)), "b": ["red", "blue", None] * 100}, row_group_size=100)


@given(
    changes=st.lists(st.tuples(st.integers(0, len(SOUND) - 1), st.integers(0, 255)), max_size=6),
    kept=st.integers(4, len(SOUND)),
)
def test_a_damaged_parquet_file_is_rows_or_a_refusal(
    changes: list[tuple[int, int]], kept: int
) -> None:
    data = bytearray(SOUND)
    for place, byte in changes:
        data[place] = byte
    for damaged in (bytes(data), bytes(data[:kept])):
        with suppress(RefusedFile):
            read_rows(damaged)


@given(st.binary(max_size=400))
def test_any_bytes_are_rows_or_a_refusal(data: bytes) -> None:
    for start in (b"", b"PAR1", b"{", b"a,b\n"):
        with suppress(RefusedFile):
            read_rows(start + data)
