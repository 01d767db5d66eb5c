"""The rows of a version as a spreadsheet: all of them, piece by piece."""

import asyncio
import io
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from modelregistry import services
from modelregistry.formats import spreadsheet
from modelregistry.formats.kept import KeptRows
from modelregistry.formats.rows import Rows
from modelregistry.formats.spreadsheet import as_csv
from modelregistry.pieces import CsvOfRows, PieceByPiece
from tests.modelregistry.test_rows_shown import MANY, MOST_MEMORY, cells
from tests.modelregistry.trained import SAMPLES, tree_version


def test_a_spreadsheet_of_many_rows_takes_little_memory(tmp_path: Path) -> None:
    (tmp_path / "rows").write_bytes(
        Rows.of(np.random.default_rng(0).normal(size=(MANY, 5)), targets=np.zeros(MANY)).to_json()
    )
    tracemalloc.start()
    try:
        with (tmp_path / "rows").open("rb") as file, KeptRows(file) as found:
            size = sum(map(len, as_csv(found)))
            _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert size > MANY * 50
    assert peak < MOST_MEMORY, peak


@pytest.mark.django_db
def test_under_asgi_it_comes_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spreadsheet, "PIECE_CHARACTERS", 500)
    version = tree_version()

    async def pieces() -> list[bytes]:
        rows = services.unread_rows(version, "samples")
        assert rows is not None
        response = PieceByPiece(CsvOfRows(rows, target="kind"))
        found = [piece async for piece in response]
        response.close()
        return found

    found = asyncio.run(pieces())
    assert len(found) > 2
    assert b"".join(found).count(b"\r\n") == 151


@pytest.mark.django_db  # Django closes old connections with the answer
def test_a_file_that_nobody_reads_to_its_end_is_closed() -> None:
    file = io.BytesIO(SAMPLES.to_json())
    PieceByPiece(CsvOfRows(KeptRows(file), target="kind")).close()
    assert file.closed


def test_a_spreadsheet_gets_a_header_and_the_targets_last() -> None:
    rows = Rows(columns=("a", "b"), values=((1, 2.5), (None, -3)), targets=("yes", "no"))
    assert cells(rows, "left") == [["a", "b", "left"], ["1", "2.5", "yes"], ["", "-3", "no"]]
    assert cells(Rows(columns=("a",), values=((1,),))) == [["a"], ["1"]]


def test_a_column_called_as_the_target_does_not_hide_it() -> None:
    rows = Rows(columns=("target",), values=((1,),), targets=(2,))
    assert cells(rows)[0] == ["target", "target_"]


@pytest.mark.parametrize("begins", ["=1+1", "+1", "-1", "@SUM(A1)", "\tx", "\rx"])
def test_text_that_a_spreadsheet_would_run_is_made_text(begins: str) -> None:
    rows = Rows(columns=(begins,), values=((begins,),), targets=(begins,))
    assert cells(rows, begins) == [[f"'{begins}", f"'{begins}_"], [f"'{begins}", f"'{begins}"]]


def test_numbers_stay_numbers() -> None:
    rows = Rows(columns=("n",), values=((-1,), (-2.5,), (1e-300,)))
    assert [float(line[0]) for line in cells(rows)[1:]] == [-1, -2.5, 1e-300]
