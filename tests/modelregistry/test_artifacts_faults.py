"""Whatever fails while a file is put, its name holds all of the content afterwards or what it held.

Each call into the operating system fails in turn, the first, the second, ... until one run passes;
then a real disk without room, and a process that may write no more.
"""

import errno
import hashlib
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import pytest

from mlapi.problems import problem_of
from modelregistry.artifacts import ArtifactStore, LocalFolder
from tests.modelregistry.faults import NthCall

BASE_DIR = Path(__file__).parents[2]
CONTENT = b"a model" * 1000
SHA256 = hashlib.sha256(CONTENT).hexdigest()
CHUNKS = [CONTENT[i : i + 1000] for i in range(0, len(CONTENT), 1000)]
PUTS: dict[str, Callable[[ArtifactStore], object]] = {
    "put": lambda store: store.put(CONTENT),
    "put_stream": lambda store: store.put_stream(iter(CHUNKS), limit=len(CONTENT)),
}
BEFORE: dict[str, bytes | None] = {"nothing": None, "whole": CONTENT, "half": CONTENT[:3500]}
DIE_AT_CALL = """
import os, signal, sys
from pathlib import Path
from modelregistry.artifacts import ArtifactStore, LocalFolder
from tests.modelregistry.faults import NthCall
die = lambda: os.kill(os.getpid(), signal.SIGKILL)
NthCall(int(sys.argv[2]), die).install(setattr)
ArtifactStore(LocalFolder(Path(sys.argv[1]))).put_stream([b"a model"] * 1000)
"""
FEW_BYTES_A_FILE = """
import resource, sys
from pathlib import Path
from modelregistry.artifacts import ArtifactStore, LocalFolder
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
store = ArtifactStore(LocalFolder(Path(sys.argv[1])))
try:
    store.put_stream([b"x" * 70_000] * 2)
except OSError as error:
    print(error.errno)
"""


def no_room() -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def prepared(root: Path, before: bytes | None) -> ArtifactStore:
    folder = LocalFolder(root)
    if before is not None:
        folder.path(SHA256).parent.mkdir(parents=True)
        folder.path(SHA256).write_bytes(before)
    return ArtifactStore(folder)


def content(store: ArtifactStore) -> bytes | None:
    """What is under the name; None where nothing is."""
    path = LocalFolder(store.backend.drafts).path(SHA256)
    return path.read_bytes() if path.exists() else None


def run(program: str, *words: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", program, *map(str, words)],
        cwd=BASE_DIR, capture_output=True, text=True, timeout=110, check=False,
    )  # fmt: skip


@pytest.mark.parametrize("before", BEFORE)
@pytest.mark.parametrize("put", PUTS)
def test_each_call_that_fails_leaves_the_old_or_the_new_and_no_draft(
    put: str, before: str, tmp_path: Path
) -> None:
    for number in count(1):
        store, fault = prepared(tmp_path / str(number), BEFORE[before]), NthCall(number, no_room)
        with pytest.MonkeyPatch.context() as patch:
            fault.install(patch.setattr)
            try:
                PUTS[put](store)
            except OSError as error:
                assert problem_of(error, "id").status == 507  # noqa: PT017
        assert content(store) in (BEFORE[before], CONTENT), number
        assert list(store.drafts()) == [], number
        assert set(store.names()) <= {SHA256}, number
        if not fault.came:
            break
        PUTS[put](store)  # the same again, on a disk that has room once more
        assert store.read(SHA256) == CONTENT
    assert content(store) == CONTENT
    assert number > 10


def test_a_process_killed_at_any_call_leaves_the_old_or_the_new(tmp_path: Path) -> None:
    for number in count(1):
        store = ArtifactStore(LocalFolder(tmp_path / str(number)))
        done = run(DIE_AT_CALL, tmp_path / str(number), number)
        assert content(store) in (None, CONTENT), number
        assert set(store.names()) <= {SHA256}
        if done.returncode == 0:
            break
        assert done.returncode == -signal.SIGKILL, done.stderr
        assert store.put(CONTENT) == SHA256
        assert store.read(SHA256) == CONTENT
    assert content(store) == CONTENT
    assert list(store.drafts()) == []
    assert number > 10


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 1 MB."""
    folder = tmp_path / "small"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=1m", "none", str(folder)]
    if subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("a small disk takes the right to mount one")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def test_a_disk_without_room_is_507_and_keeps_what_it_had(small_disk: Path) -> None:
    store = ArtifactStore(LocalFolder(small_disk / "artifacts"))
    store.put(CONTENT)
    endless = iter(lambda: os.urandom(10_000), b"")

    for too_much in (lambda: store.put_stream(endless), lambda: store.put(b"x" * 2_000_000)):
        with pytest.raises(OSError, match="No space left") as full:
            too_much()
        assert problem_of(full.value, "id").status == 507

    assert list(store.drafts()) == []
    assert list(store.names()) == [SHA256]
    assert store.read(SHA256) == CONTENT
    assert store.read(store.put(b"y" * 500_000)) == b"y" * 500_000


def test_on_a_full_disk_what_is_kept_can_be_read_and_deleted(small_disk: Path) -> None:
    store = ArtifactStore(LocalFolder(small_disk / "artifacts"))
    store.put(CONTENT)
    with pytest.raises(OSError, match="No space left"), (small_disk / "full").open("wb") as file:
        file.write(b"x" * 2_000_000)

    with pytest.raises(OSError, match="No space left"):
        store.put(CONTENT)
    assert store.read(SHA256) == CONTENT
    assert store.delete(SHA256)
    assert list(store.drafts()) == list(store.names()) == []


def test_a_copy_that_finds_no_room_leaves_nothing(small_disk: Path, tmp_path: Path) -> None:
    store = ArtifactStore(LocalFolder(tmp_path / "artifacts"))
    sha256 = store.put(b"x" * 2_000_000)
    with pytest.raises(OSError, match="No space left"):
        store.copy_to(sha256, small_disk / "copy")
    assert list(small_disk.iterdir()) == []


def test_a_process_that_may_write_no_more_leaves_nothing(tmp_path: Path) -> None:
    done = run(FEW_BYTES_A_FILE, tmp_path)
    assert done.stdout == f"{errno.EFBIG}\n", done.stderr
    store = ArtifactStore(LocalFolder(tmp_path))
    assert list(store.drafts()) == list(store.names()) == []
