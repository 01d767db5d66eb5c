"""What a process that opens files of strangers cannot do, tried by one that is confined."""

import os
from pathlib import Path

import pytest

from modelregistry.intake.landlock import version
from modelregistry.intake.sandbox import CODE
from tests.modelregistry.intake.trying import SMALL, attempt

landlock = pytest.mark.skipif(version() == 0, reason="this kernel has no Landlock")
OUTSIDE = ("read", "write", "append", "cut", "rights", "owner", "remove", "rename", "link",
           "through a link", "up")  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "own").mkdir()
    return tmp_path / "own"


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    """Somebody's file, beside the folder of the process."""
    (tmp_path / "secret").write_text("the key")
    return tmp_path / "secret"


@pytest.mark.parametrize("what", ["socket", "raw socket", "pair"])
def test_it_has_no_network(folder: Path, what: str) -> None:
    assert attempt(folder, what) is False


@pytest.mark.parametrize("what", ["program", "exec"])
def test_it_starts_no_other_program(folder: Path, what: str) -> None:
    assert attempt(folder, what) is False


def test_it_has_threads_and_no_children(folder: Path) -> None:
    """One that went its own way would outlive it."""
    assert attempt(folder, "fork") is False
    assert attempt(folder, "thread") == "begun"


def test_it_does_nothing_to_other_processes(folder: Path) -> None:
    assert attempt(folder, "signal") is False


@landlock
@pytest.mark.parametrize("what", OUTSIDE)
def test_a_file_outside_its_folder_is_out_of_reach(folder: Path, secret: Path, what: str) -> None:
    rights = secret.stat().st_mode
    assert attempt(folder, what, secret) is False
    assert (secret.read_text(), secret.stat().st_mode) == ("the key", rights)


@landlock
def test_it_makes_no_file_outside_its_folder(folder: Path) -> None:
    assert attempt(folder, "write", folder.parent / "new") is False
    assert list(folder.parent.iterdir()) == [folder]


@landlock
@pytest.mark.parametrize("where", [CODE / "manage.py", CODE / "mlapi" / "env.py", "/etc/passwd"])
def test_it_reads_no_settings_and_no_data_beside_our_code(folder: Path, where: Path | str) -> None:
    assert attempt(folder, "read", where) is False


@landlock
@pytest.mark.parametrize("where", [CODE, "/", "/home", "/tmp"])
def test_it_lists_no_folder_of_others(folder: Path, where: Path | str) -> None:
    assert attempt(folder, "list", where) is False


@landlock
def test_it_reads_nothing_of_the_process_that_started_it(folder: Path) -> None:
    assert attempt(folder, "read", f"/proc/{os.getpid()}/environ") is False


def test_its_own_folder_is_its_own(folder: Path) -> None:
    assert attempt(folder, "write", folder / "note") is True
    assert attempt(folder, "read", folder / "note") is True
    assert attempt(folder, "remove", folder / "note") is True


def test_it_works_at_low_priority_within_its_limits(folder: Path) -> None:
    assert attempt(folder, "limits") == {
        "nice": min(19, os.nice(0) + 10),
        "session": 10 if Path("/proc/self/autogroup").exists() else None,
        "batch": True,
        "memory": SMALL.memory_bytes,
        "cpu": SMALL.cpu_s,
        "file": SMALL.file_bytes,
        "files": SMALL.open_files,
        "core": 0,
    }


def test_a_file_longer_than_the_limit_is_not_written(folder: Path) -> None:
    assert attempt(folder, "long file", SMALL.file_bytes + 1) == "OSError"
    assert (folder / "long").stat().st_size <= SMALL.file_bytes
