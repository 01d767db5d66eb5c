"""What the machine does wrong is no verdict on a file: the check fails, and may be had again."""

import errno
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from django.conf import LazySettings

from modelregistry.errors import NotLookedAt
from modelregistry.ingestion import wire
from modelregistry.models import ModelVersion
from tests.crashing import Broker
from tests.modelregistry.crashes.agreement import check_agreement, tidy_up, work_off
from tests.modelregistry.crashes.operations import handed_in, newest_job, run_job
from tests.modelregistry.ingestion.examined import examined
from tests.modelregistry.trained import tree_file

pytestmark = pytest.mark.django_db(transaction=True)
PAGE = 4096


@pytest.fixture
def checked() -> Iterator[Callable[[], ModelVersion]]:
    """Hands in a good file and has it checked by the real process."""

    def check() -> ModelVersion:
        handed_in("plants")
        run_job("plants")
        return ModelVersion.objects.find("plants", 1)

    with Broker().answering():
        yield check


def check_blameless(version: ModelVersion) -> None:
    assert (version.state, newest_job("plants").state) == ("broken", "failed")
    assert newest_job("plants").error_code == "not_looked_at"
    assert "which says nothing of the file" in version.reason
    check_agreement("plants")


@pytest.mark.parametrize("number", [errno.EIO, errno.ENOSPC, errno.EMFILE, errno.ENOMEM])
def test_a_form_that_this_process_cannot_read_fails_the_check(
    number: int,
    checked: Callable[[], ModelVersion],
    repeated: None,
) -> None:
    read = Path.read_bytes

    def failing(path: Path) -> bytes:
        if path.name == wire.FORM:
            raise OSError(number, "not the file's doing")
        return read(path)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Path, "read_bytes", failing)
        check_blameless(checked())
    work_off("plants")
    assert ModelVersion.objects.find("plants", 1).state == "ready"
    tidy_up()


@pytest.fixture
def hardly_room(tmp_path: Path, settings: LazySettings) -> Iterator[Path]:
    """A disk that holds the file that is looked at, and not a page more."""
    folder = tmp_path / "hardly"
    folder.mkdir()
    pages = -(-len(tree_file()) // PAGE)
    size = f"size={pages * PAGE}"
    command = ["mount", "-t", "tmpfs", "-o", size, "none", str(folder)]
    if subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("a small disk takes the right to mount one")
    settings.INTAKE_DIR = folder
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def test_a_disk_that_is_full_for_the_confined_process_fails_the_check(
    hardly_room: Path, checked: Callable[[], ModelVersion], settings: LazySettings, tmp_path: Path
) -> None:
    check_blameless(checked())
    assert list(hardly_room.iterdir()) == []
    settings.INTAKE_DIR = tmp_path / "intake"
    work_off("plants")
    assert ModelVersion.objects.find("plants", 1).state == "ready"


@pytest.fixture
def hangs_up() -> Iterator[None]:
    """Under nohup, all that is started ignores SIGHUP."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)


@pytest.mark.parametrize("end", ["terminate", "send_signal"])
def test_a_confined_process_that_others_end_says_nothing_of_the_file(
    end: str, hangs_up: None, tmp_path: Path
) -> None:
    """A service that is stopped ends all of its processes at once, and the worker is not first."""
    others: dict[str, tuple[Any, ...]] = {"terminate": (), "send_signal": (1,)}  # SIGHUP

    def step(name: str) -> None:
        for child in psutil.Process().children():
            if "modelregistry.ingestion.child" in child.cmdline():
                getattr(child, end)(*others[end])

    with pytest.raises(NotLookedAt):
        examined(tree_file(), tmp_path / "scratch", step=step)
    assert list((tmp_path / "scratch").iterdir()) == []
