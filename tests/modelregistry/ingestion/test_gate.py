"""The gate as the registry calls it: what is taken, what is refused, and what is left behind."""

import logging
import os
import pickle
import time
from pathlib import Path

import msgspec
import numpy as np
import pytest
from sklearn.tree import DecisionTreeClassifier

from modelregistry.conversion.outcome import unwatched
from modelregistry.conversion.sampling import generated_rows
from modelregistry.errors import RefusedFile, Unconfined
from modelregistry.formats.packed import pack
from modelregistry.formats.rows import numbered
from modelregistry.formats.signature import Signature
from modelregistry.formats.skops_format import load_estimator
from modelregistry.ingestion import gate, wire
from modelregistry.ingestion.scratch import LEFT_BEHIND_S
from modelregistry.intake.confinement import Limits
from tests.modelregistry.hostile import pickles
from tests.modelregistry.ingestion.examined import QUICK, examined
from tests.modelregistry.trained import ROWS, SAMPLES, TARGETS, onnx_file, tree_file

NOTHING = Signature(inputs=(), outputs=(), columns=())
ANSWER_AND_END = """
import json, os, sys
into = json.loads(sys.argv[1])["into"]
frame = {frame!r}
os.write(into, len(frame).to_bytes(4, "big") + frame)
os._exit(0)
"""


@pytest.fixture
def scratch(tmp_path: Path) -> Path:
    return tmp_path / "scratch"


@pytest.fixture
def marker(tmp_path: Path) -> Path:
    return tmp_path / "marker"


def left(scratch: Path) -> list[Path]:
    return list(scratch.iterdir())


def refusal(data: bytes, scratch: Path, *, limits: Limits = QUICK, pickle: bool = False) -> str:
    with pytest.raises(RefusedFile) as refused:
        examined(data, scratch, limits=limits, pickle=pickle)
    assert left(scratch) == []
    return str(refused.value)


def answering(verdict: wire.Verdict, before: str = "") -> bytes:
    """A pickle that gives the answer in the place of who was asked."""
    frame = b'{"type":"Answer","body":' + msgspec.json.encode(verdict) + b"}"
    return pickles.running(before + ANSWER_AND_END.format(frame=frame))


def test_an_estimator_is_described_and_comes_with_its_proven_form(scratch: Path) -> None:
    heard: list[str] = []
    found = examined(tree_file(), scratch, step=heard.append)
    assert (found.source.format, found.source.task) == ("skops", "classification")
    assert found.source.estimator is None
    assert found.form is not None
    assert found.form.kept
    assert found.onnx is not None
    assert list(dict.fromkeys(heard)) == ["validate", "convert", "prove"]
    assert left(scratch) == []


def test_an_onnx_file_is_described_as_it_is(scratch: Path) -> None:
    found = examined(onnx_file(), scratch)
    assert (found.source.format, found.form, found.onnx) == ("onnx", None, None)


def test_rows_that_were_given_come_out_as_they_went_in(scratch: Path) -> None:
    def fill(folder: Path) -> None:
        (folder / wire.MODEL).write_bytes(tree_file())
        (folder / wire.SAMPLES).write_bytes(SAMPLES.to_json())
        (folder / wire.HELDOUT).write_bytes(SAMPLES.at((0, 50, 100)).to_json())

    request = wire.Request(samples=True, heldout=True)
    found = gate.examine(request, fill=fill, scratch=scratch, limits=QUICK).source
    assert found.samples == SAMPLES
    assert found.heldout == SAMPLES.at((0, 50, 100))


def test_of_rows_that_were_made_the_first_comes_out(scratch: Path) -> None:
    made = generated_rows(load_estimator(tree_file()), numbered(4))
    found = examined(tree_file(), scratch).source
    assert (found.rows_from, found.samples) == ("generated", made.first(1))


def test_rows_of_a_process_that_was_taken_over_are_not_believed(
    scratch: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wire, "MODULE", "tests.modelregistry.ingestion.lying_child")
    right = pack(SAMPLES)
    found = examined(right, scratch).source  # it can hand over what is right
    assert (found.samples, found.heldout) == (SAMPLES, SAMPLES)
    for lie in (b"", SAMPLES.to_json(), right[:-1], right + b"x"):
        assert "makes no sense" in refusal(lie, scratch)
    monkeypatch.setattr(gate, "MOST_CELLS", 749)  # the targets are cells too
    assert "makes no sense" in refusal(right, scratch)


def test_a_pickle_is_not_opened_unless_that_is_allowed(scratch: Path, marker: Path) -> None:
    for data in (pickles.marking(marker), pickles.writing(marker)):
        assert "skops.io.dump" in refusal(data, scratch)
    assert not marker.exists()


def test_an_allowed_pickle_goes_on_as_skops_and_its_program_never_runs(
    scratch: Path, marker: Path
) -> None:
    tree = DecisionTreeClassifier(max_depth=2, random_state=0).fit(ROWS, TARGETS)
    tree.note_ = pickles.Calls(os.system, f"touch {marker}")
    found = examined(pickle.dumps(tree), scratch, pickle=True)
    assert not marker.exists()
    assert found.source.format == "skops"
    assert found.kept is not None
    assert found.kept.startswith(b"PK")
    again = load_estimator(found.kept)
    np.testing.assert_array_equal(again.predict(ROWS), tree.predict(ROWS))


@pytest.mark.parametrize("make", [pickles.starting, pickles.writing])
def test_an_allowed_pickle_that_is_no_model_reaches_nothing(
    scratch: Path, marker: Path, make: pickles.Maker
) -> None:
    said = refusal(make(marker), scratch, pickle=True)
    assert "cannot be unpickled" in said or "no scikit-learn estimator" in said
    assert not marker.exists()


def test_a_crash_of_the_child_is_a_refusal(scratch: Path) -> None:
    said = refusal(pickles.running("import os; os.abort()"), scratch, pickle=True)
    assert "it ended the process that looked at it" in said


def test_work_without_end_is_refused(scratch: Path) -> None:
    limits = msgspec.structs.replace(QUICK, wall_s=4.0)
    data = pickles.running("while True: pass")
    assert "longer than 4 seconds" in refusal(data, scratch, limits=limits, pickle=True)


@pytest.mark.parametrize(
    "code",
    [
        "import os; os.symlink({secret!r}, 'resaved')",
        "import os; os.mkfifo('resaved')",
        "",
    ],
    ids=["link", "pipe", "nothing"],
)
def test_an_answer_whose_file_is_none_takes_nothing_of_ours(
    tmp_path: Path, scratch: Path, code: str
) -> None:
    (tmp_path / "secret").write_text("the key")
    before = code.format(secret=str(tmp_path / "secret"))
    data = answering(wire.Resaved(), before)
    assert "makes no sense" in refusal(data, scratch, pickle=True)


def test_a_description_by_a_pickle_is_not_believed(scratch: Path) -> None:
    made_up = wire.Described(
        format="onnx", task="regression", signature=NOTHING, classes=None, samples=False,
        heldout=False, rows_from="", metrics={}, form=None,
    )  # fmt: skip
    assert "makes no sense" in refusal(answering(made_up), scratch, pickle=True)


@pytest.mark.parametrize("deep", [50, 3000])
def test_who_leaves_files_behind_leaves_none(scratch: Path, deep: int) -> None:
    code = f"""
import os, sys
for depth in range({deep}):
    os.mkdir("d"); os.chdir("d"); open("f", "w").write("x"); os.symlink("/", "link")
os.mkdir("closed", 0)
sys.exit(1)
"""
    assert "looked at, it" in refusal(pickles.running(code), scratch, pickle=True)


def test_a_pickle_that_fills_the_disk_is_refused(scratch: Path) -> None:
    limits = msgspec.structs.replace(QUICK, folder_bytes=20 * 2**20)
    code = """
import itertools
for number in itertools.count():
    with open(str(number), "wb") as file: file.write(bytes(1_000_000))
"""
    said = refusal(pickles.running(code), scratch, limits=limits, pickle=True)
    assert "more than 20 MB of disk" in said


def test_more_than_is_taken_is_not_read(scratch: Path) -> None:
    size = wire.LARGEST[wire.RESAVED] + 1
    before = f"open('resaved', 'wb').truncate({size})"
    data = answering(wire.Resaved(), before)
    assert "makes no sense" in refusal(data, scratch, pickle=True)


def test_a_form_that_is_larger_than_is_taken_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from modelregistry.ingestion.examining import examine

    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(wire.LARGEST, wire.FORM, 100)
    (tmp_path / wire.MODEL).write_bytes(tree_file())
    with pytest.raises(RefusedFile, match="Its ONNX form would have 0 MB; at most 0 MB are kept"):
        examine(wire.Request(), unwatched)


def test_what_a_killed_process_left_is_swept_after_a_day(scratch: Path) -> None:
    old, young = scratch / "old", scratch / "young"
    for folder in (old, young):
        folder.mkdir(parents=True)
        (folder / "model").write_bytes(b"x")
    yesterday = time.time() - LEFT_BEHIND_S - 60
    os.utime(old, (yesterday, yesterday))
    with pytest.raises(RefusedFile):
        examined(b"", scratch)
    assert left(scratch) == [young]


def test_a_machine_that_cannot_confine_refuses_no_file_for_it(
    scratch: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(wire, "MODULE", "tests.modelregistry.intake.refusing_kernel")
    with pytest.raises(Unconfined, match="cannot confine"), caplog.at_level(logging.ERROR):
        examined(tree_file(), scratch)
    assert "could not be confined" in caplog.text
    assert left(scratch) == []


def test_a_kernel_without_landlock_is_told_once(
    scratch: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """This kernel may have it: only its answer is another one here."""
    monkeypatch.setattr(gate, "landlock_version", lambda: 0)
    gate.tell_what_is_missing.cache_clear()
    for _ in range(2):
        with pytest.raises(RefusedFile):
            examined(b"", scratch)
    assert caplog.text.count("no Landlock") == 1
    gate.tell_what_is_missing.cache_clear()
