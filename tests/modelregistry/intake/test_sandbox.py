"""One of our modules in a process of its own: what it knows, what it says, and how it ends."""

import errno
import os
import re
import resource
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec
import psutil
import pytest

from modelregistry.conversion.outcome import unwatched
from modelregistry.ingestion.scratch import folder_under
from modelregistry.intake import footprint
from modelregistry.intake.confinement import Limits
from modelregistry.intake.sandbox import CODE, Lost, NotConfined, Sandbox, Stricken
from tests.modelregistry.intake.trying import SMALL, attempt
from tests.running import until

REFUSING = "tests.modelregistry.intake.refusing_kernel"
KNOWN = {
    "PATH", "HOME", "TMPDIR", "LANG", "PYTHONDONTWRITEBYTECODE", "JOBLIB_MULTIPROCESSING",
    "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "PYTHONPATH",
}  # fmt: skip
SETTINGS = ("DATABASE_URL", "REDIS_URL", "DJANGO_SECRET_KEY", "MLAPI_DATA_DIR", "AWS_SECRET_KEY")
NOBODY = 65534
BRIEF = msgspec.structs.replace(SMALL, wall_s=1.5)


def lost(folder: Path, name: str, about: object = "", limits: Limits = SMALL) -> Lost:
    with pytest.raises(Lost) as raised:
        attempt(folder, name, about, limits=limits)
    return raised.value


def test_nothing_of_our_environment_is_in_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in SETTINGS:
        monkeypatch.setenv(name, "the secret of this test")
    found = attempt(tmp_path, "environment")
    assert set(found) - {"LC_CTYPE"} == KNOWN  # Python's own
    assert "secret" not in str(found)


def test_no_file_of_ours_is_open_in_it(tmp_path: Path) -> None:
    told, *said = attempt(tmp_path, "open files")
    assert told.startswith("pipe:")
    assert all(name.startswith(str(tmp_path)) for name in said)


def test_steps_are_heard_in_their_order_before_the_answer(tmp_path: Path) -> None:
    heard: list[str] = []
    assert attempt(tmp_path, "steps", "convert prove", step=heard.append) == "done"
    assert heard == ["convert", "prove"]


def test_who_listens_may_end_it(tmp_path: Path) -> None:
    pids: list[int] = []

    def stop(pid: str) -> None:
        pids.append(int(pid))
        raise InterruptedError

    with pytest.raises(InterruptedError):
        attempt(tmp_path, "endless", step=stop)
    assert not psutil.pid_exists(pids[0])


def test_who_listens_is_asked_again_while_a_step_goes_on(tmp_path: Path) -> None:
    heard: list[str] = []

    def stop_at_the_second(name: str) -> None:
        heard.append(name)
        if len(heard) == 2:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        attempt(tmp_path, "endless", step=stop_at_the_second)
    assert heard[0] == heard[1]


def test_work_without_end_is_ended_by_the_clock(tmp_path: Path) -> None:
    assert str(lost(tmp_path, "endless", limits=BRIEF)) == "it took longer than 1.5 seconds"


def test_work_without_end_is_ended_by_its_computing_time(tmp_path: Path) -> None:
    limits = msgspec.structs.replace(SMALL, cpu_s=1)
    assert "more than 1 seconds of computing" in str(lost(tmp_path, "endless", limits=limits))


def test_memory_over_the_limit_is_told(tmp_path: Path) -> None:
    assert str(lost(tmp_path, "swallow", 2**31)) == "it needed more memory than 1,024 MB"


def test_a_crash_is_told(tmp_path: Path) -> None:
    assert str(lost(tmp_path, "abort")) == "it ended the process that looked at it"


def test_an_end_without_an_answer_is_told(tmp_path: Path) -> None:
    assert str(lost(tmp_path, "leave")) == "it ended the process that looked at it"


def test_what_it_said_last_is_kept_for_the_log(tmp_path: Path) -> None:
    assert "what it said" in lost(tmp_path, "say and fail").output
    assert "said" in lost(tmp_path, "hide what it said").output


def test_of_much_that_it_says_the_end_is_read(tmp_path: Path) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    limits = msgspec.structs.replace(SMALL, file_bytes=64 * 2**20)
    noisy = lost(tmp_path, "noise", limits=limits)
    assert len(noisy.output) <= 2000
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 16 * 2**10


@pytest.mark.parametrize("how", ["names", "no names", "nothing in them", "deep"])
def test_the_disk_is_not_filled_whatever_the_files_are(tmp_path: Path, how: str) -> None:
    limits = msgspec.structs.replace(SMALL, folder_bytes=4 * 2**20)
    with folder_under(tmp_path) as folder:
        gone = lost(folder, "fill", how, limits=limits)
    assert list(tmp_path.iterdir()) == []
    assert str(gone) == "it needed more than 4 MB of disk, or too many files"


def test_what_takes_long_to_look_through_is_ended(tmp_path: Path) -> None:
    limits = msgspec.structs.replace(SMALL, memory_bytes=4 * 2**30)  # threads reserve much
    gone = lost(tmp_path, "threads", 300, limits=limits)
    assert str(gone) == "it needed more than 3,072 MB of disk, or too many files", gone.output


def test_how_it_ended_says_more_than_what_was_seen_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def too_late(_: Path, pid: int, *, most_bytes: int) -> bool:
        with suppress(ChildProcessError):
            os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
        return most_bytes > 0

    monkeypatch.setattr(footprint, "takes_more", too_late)
    limits = msgspec.structs.replace(SMALL, cpu_s=1)
    assert "more than 1 seconds of computing" in str(lost(tmp_path, "endless", limits=limits))


def test_where_nobody_can_look_the_file_is_not_to_blame(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def blind(*_: object, **__: object) -> bool:
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr(footprint, "takes_more", blind)
    with pytest.raises(Stricken, match="could not be told"):
        attempt(tmp_path, "endless")


def test_a_process_that_has_ended_hides_nothing_whoever_looks() -> None:
    def look() -> int:
        ended = os.fork()
        if ended == 0:
            os._exit(0)
        os.waitid(os.P_PID, ended, os.WEXITED | os.WNOWAIT)
        with TemporaryDirectory() as folder:
            return int(footprint.takes_more(Path(folder), ended, most_bytes=10**6))

    assert as_nobody(look) == 0


def as_nobody(call: Callable[[], int]) -> int:
    """What it answers in a process that may not look at others' as root may."""
    child = os.fork()
    if child == 0:
        code = 99
        try:
            if os.geteuid() == 0:
                os.setgid(NOBODY)
                os.setuid(NOBODY)
            code = call()
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def test_what_takes_no_more_than_it_may_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "given").write_bytes(bytes(3 * 2**20))
    (tmp_path / "sparse").touch()
    os.truncate(tmp_path / "sparse", 2**30)  # room is what it takes, not what it says
    limits = msgspec.structs.replace(SMALL, folder_bytes=4 * 2**20, wall_s=1.5)
    assert "took longer" in str(lost(tmp_path, "endless", limits=limits))


def test_it_cannot_hide_what_it_has_open(tmp_path: Path) -> None:
    assert attempt(tmp_path, "undumpable") == -1


@pytest.mark.parametrize("name", ["rubbish", "endless frame", "flood", "deep answer"])
def test_what_makes_no_sense_is_told(tmp_path: Path, name: str) -> None:
    assert str(lost(tmp_path, name)) == "what came of it makes no sense"


def test_a_process_that_cannot_be_confined_opens_nothing(tmp_path: Path) -> None:
    with pytest.raises(NotConfined) as raised:
        Sandbox(REFUSING, folder=tmp_path, limits=SMALL).ask(b"", unwatched)
    assert "prctl" in raised.value.output
    assert "is opened" not in raised.value.output


def test_it_dies_with_the_process_that_started_it(tmp_path: Path) -> None:
    parent = subprocess.Popen(
        [sys.executable, "-m", "tests.modelregistry.intake.trying", str(tmp_path)],
        cwd=CODE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    with parent:
        assert parent.stdout is not None
        child = psutil.Process(int(parent.stdout.readline()))
        os.kill(parent.pid, signal.SIGKILL)
    until(lambda: not child.is_running(), 30, "the child gone")


def test_a_module_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(Lost) as raised:
        Sandbox("tests.nowhere", folder=tmp_path, limits=SMALL).ask(b"", unwatched)
    assert re.search("No module named", raised.value.output)
