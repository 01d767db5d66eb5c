"""A file of rows is read by the confined process: what comes of it is checked, what it costs is
that process's.
"""

from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import msgspec
import pyarrow as pa
import pytest
from pyarrow import parquet

from modelregistry.conversion.outcome import unwatched
from modelregistry.errors import RefusedFile, Unconfined
from modelregistry.formats.packed import pack
from modelregistry.formats.rows import Rows
from modelregistry.ingestion import gate, wire
from modelregistry.intake.confinement import Limits
from modelregistry.intake.tables import read_rows
from tests.modelregistry.ingestion.examined import QUICK

CSV = b"size,kind,y\n1,a,0\n2.5,b,1\n,a,1\n"
LINES = b'{"size":1,"kind":"a","y":0}\n{"size":2.5,"kind":"b","y":1}\n{"kind":"a","y":1}\n'
LYING = "tests.modelregistry.ingestion.lying_child"


def as_parquet(table: dict[str, list[object]]) -> bytes:
    out = BytesIO()
    parquet.write_table(pa.table(table), out)
    return out.getvalue()


PARQUET = as_parquet({"size": [1, 2.5, None], "kind": ["a", "b", "a"], "y": [0, 1, 1]})


def rows_in(
    data: bytes,
    scratch: Path,
    *,
    target: str = "y",
    limits: Limits = QUICK,
    step: Callable[[str], None] = unwatched,
) -> Rows:
    def fill(folder: Path) -> None:
        (folder / wire.TABLE).write_bytes(data)

    table = wire.Table(target=target)
    try:
        return gate.read_table(table, fill=fill, scratch=scratch, step=step, limits=limits)
    finally:
        assert list(scratch.iterdir()) == []


@pytest.mark.parametrize("data", [CSV, LINES, PARQUET], ids=["csv", "json lines", "parquet"])
def test_rows_come_out_as_they_are_read(data: bytes, tmp_path: Path) -> None:
    assert rows_in(data, tmp_path) == read_rows(data, target="y")


def test_what_is_wrong_with_a_file_is_said_in_the_same_words(tmp_path: Path) -> None:
    for data in (b"PAR1" + bytes(99), b"\x00\xff", b"size,kind\n1,a\n"):
        with pytest.raises(RefusedFile) as here:
            read_rows(data, target="y")
        with pytest.raises(RefusedFile) as there:
            rows_in(data, tmp_path)
        assert str(there.value) == str(here.value)


def test_a_file_that_takes_too_much_memory_costs_the_process_that_reads_it(tmp_path: Path) -> None:
    data = b"a,y\n" + b"1.25,0\n" * 900_000
    small = Limits(memory_bytes=250 * 2**20, cpu_s=60, wall_s=90.0)
    with pytest.raises(RefusedFile, match="needed more memory than 250 MB"):
        rows_in(data, tmp_path, limits=small)


def test_who_listens_may_end_it(tmp_path: Path) -> None:
    class Enough(Exception):
        pass

    def stop(name: str) -> None:
        raise Enough(name)

    with pytest.raises(Enough, match="validate"):
        rows_in(CSV, tmp_path, step=stop)


def test_a_machine_that_cannot_confine_reads_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wire, "MODULE", "tests.modelregistry.intake.refusing_kernel")
    with pytest.raises(Unconfined):
        rows_in(CSV, tmp_path)


def test_what_a_process_hands_over_that_was_taken_over_is_not_believed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wire, "MODULE", LYING)
    rows = read_rows(CSV, target="y")
    assert rows_in(pack(rows), tmp_path) == rows  # it can hand over what is right
    many = pack(Rows(columns=("a",) * 3, values=((1.0, 2.0, 3.0),) * 2))
    monkeypatch.setattr(gate, "MOST_CELLS", 5)
    for lie in (b"", CSV, pack(rows)[:-1], pack(rows) + b"x", many, msgspec.json.encode(rows)):
        with pytest.raises(RefusedFile, match="makes no sense"):
            rows_in(lie, tmp_path)


def test_no_more_columns_are_believed_than_a_table_may_have(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wire, "MODULE", LYING)
    monkeypatch.setattr(gate, "MOST_COLUMNS", 2)
    fits = Rows(columns=("a", "b"), values=((1.0, 2.0),), targets=(1,))
    assert rows_in(pack(fits), tmp_path) == fits
    wide = Rows(columns=tuple("abcd"), values=((1.0, 2.0, 3.0, 4.0),))
    with pytest.raises(RefusedFile, match="makes no sense"):
        rows_in(pack(wide), tmp_path)


def test_names_that_are_too_long_together_are_told(tmp_path: Path) -> None:
    names = [f"{place:0500}" for place in range(9_000)]
    data = "\n".join([",".join([*names, "y"]), ",".join(["1"] * 9_001)]).encode()
    with pytest.raises(RefusedFile, match="names of its columns take more than 4 MB"):
        rows_in(data, tmp_path)


def test_more_bytes_than_are_taken_are_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wire, "MODULE", LYING)
    monkeypatch.setitem(wire.LARGEST, wire.ROWS, 10)
    with pytest.raises(RefusedFile, match="makes no sense"):
        rows_in(pack(read_rows(CSV, target="y")), tmp_path)
