"""The local folder: only its owner's, on disk when `put` returns, whole whoever dies or hurries."""

import hashlib
import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from modelregistry.artifacts import ArtifactStore, LocalFolder
from modelregistry.errors import DamagedArtifact

CONTENT = b"a model" * 1000
SHA256 = hashlib.sha256(CONTENT).hexdigest()
DIE_BEFORE_RENAME = """
import os, signal, sys
from pathlib import Path
from modelregistry.artifacts import ArtifactStore, LocalFolder
from modelregistry.errors import DamagedArtifact
Path.replace = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
ArtifactStore(LocalFolder(Path(sys.argv[1]))).put(b"a model" * 1000)
"""
STREAM_256_MB = """
import resource, sys
from pathlib import Path
from modelregistry.artifacts import ArtifactStore, LocalFolder
from modelregistry.errors import DamagedArtifact
store = ArtifactStore(LocalFolder(Path(sys.argv[1])))
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
stored = store.put_stream(bytes([n]) * 2**20 for n in range(256))
store.open(stored.sha256).close()
store.copy_to(stored.sha256, Path(sys.argv[1]) / "copy")
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


def run(program: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", program, str(folder)],
        cwd=Path(__file__).parents[2], capture_output=True, text=True, timeout=110, check=False,
    )  # fmt: skip


def files_in(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file() and path.name != ".lock"]


def test_the_folder_is_made_when_it_is_needed(tmp_path: Path) -> None:
    store = ArtifactStore(LocalFolder(tmp_path / "not" / "yet" / "there"))
    assert list(store.names()) == []
    assert list(store.drafts()) == []
    assert not store.delete(SHA256)
    assert store.read(store.put(CONTENT)) == CONTENT


def test_only_the_owner_may_read(tmp_path: Path) -> None:
    folder = LocalFolder(tmp_path / "artifacts")
    path = folder.path(ArtifactStore(folder).put(CONTENT))
    assert path.stat().st_mode & 0o077 == 0
    assert path.parent.stat().st_mode & 0o077 == 0


def test_a_copy_is_its_owners_alone_too_and_replaces_nothing(tmp_path: Path) -> None:
    store, copy = ArtifactStore(LocalFolder(tmp_path / "artifacts")), tmp_path / "copy"
    store.put(CONTENT)
    store.copy_to(SHA256, copy)
    assert copy.read_bytes() == CONTENT
    assert copy.stat().st_mode & 0o077 == 0
    with pytest.raises(FileExistsError):
        store.copy_to(SHA256, copy)
    assert copy.read_bytes() == CONTENT


def test_what_is_put_is_on_disk_before_it_has_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, steps = LocalFolder(tmp_path), []
    sync, rename = os.fsync, Path.replace

    def synced(handle: int) -> None:
        steps.append(Path(f"/proc/self/fd/{handle}").readlink())
        sync(handle)

    def renamed(draft: Path, target: Path) -> Path:
        steps.append(target)
        return rename(draft, target)

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(Path, "replace", renamed)
    ArtifactStore(folder).put(CONTENT)

    draft, *others = steps
    path = folder.path(SHA256)
    assert draft.name.startswith(".draft-")
    assert others == [tmp_path, path, path.parent]


def test_a_process_killed_before_the_rename_leaves_nothing_under_the_name(tmp_path: Path) -> None:
    killed = run(DIE_BEFORE_RENAME, tmp_path)
    assert killed.returncode == -signal.SIGKILL
    store = ArtifactStore(LocalFolder(tmp_path))
    assert not store.exists(SHA256)
    assert list(store.names()) == []
    assert files_in(tmp_path) == list(store.drafts()) != []  # found, so that it can be collected
    assert store.put(CONTENT) == SHA256
    assert store.read(SHA256) == CONTENT


def test_a_stream_of_256_mb_takes_little_memory(tmp_path: Path) -> None:
    done = run(STREAM_256_MB, tmp_path)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) < 16 * 1024  # KiB


def test_many_writers_of_the_same_content_agree(tmp_path: Path) -> None:
    folder = LocalFolder(tmp_path)
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(ArtifactStore(folder).put, [CONTENT] * 40))
    assert set(found) == {SHA256}
    assert files_in(tmp_path) == [folder.path(SHA256)]


def test_readers_never_see_a_gap_while_the_same_is_put_again(tmp_path: Path) -> None:
    store = ArtifactStore(LocalFolder(tmp_path))
    store.put(CONTENT)
    with ThreadPoolExecutor(2) as pool:
        puts = pool.map(store.put, [CONTENT] * 100)
        reads = pool.map(store.read, [SHA256] * 100)
        assert set(puts) == {SHA256}
        assert set(reads) == {CONTENT}


def test_strangers_files_in_the_folder_are_left_out(tmp_path: Path) -> None:
    store = ArtifactStore(LocalFolder(tmp_path))
    store.put(CONTENT)
    (tmp_path / SHA256[:2] / "README").write_text("somebody's")
    (tmp_path / "notes").write_text("somebody's")
    assert list(store.names()) == [SHA256]


@pytest.mark.parametrize("what", ["a pipe", "a device", "a folder"])
def test_what_is_no_file_is_not_read(tmp_path: Path, what: str) -> None:
    folder = LocalFolder(tmp_path / "artifacts")
    store = ArtifactStore(folder)
    path = folder.path(store.put(CONTENT))
    path.unlink()
    if what == "a pipe":
        os.mkfifo(path)
    elif what == "a device":
        path.symlink_to("/dev/zero")
    else:
        path.mkdir()
    with pytest.raises(DamagedArtifact):
        store.read(SHA256)
