"""The store keeps content under its own digest, whole or not at all."""

import hashlib
import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from modelregistry.artifacts import ArtifactStore
from modelregistry.errors import DamagedArtifact

CONTENT = b"a model" * 1000
SHA256 = hashlib.sha256(CONTENT).hexdigest()
DIE_BEFORE_RENAME = """
import os, signal, sys
from pathlib import Path
from modelregistry.artifacts import ArtifactStore
Path.replace = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
ArtifactStore(Path(sys.argv[1])).put(b"a model" * 1000)
"""


def test_content_is_found_under_its_sha256(tmp_path: Path) -> None:
    store = ArtifactStore(tmp_path / "not" / "yet" / "there")
    assert store.put(CONTENT) == SHA256
    assert store.read(SHA256) == CONTENT


def test_putting_the_same_again_writes_nothing(tmp_path: Path) -> None:
    store = ArtifactStore(tmp_path)
    before = store.path(store.put(CONTENT)).stat()
    assert store.path(store.put(CONTENT)).stat().st_ino == before.st_ino


def test_only_the_owner_may_read(tmp_path: Path) -> None:
    store = ArtifactStore(tmp_path / "artifacts")
    path = store.path(store.put(CONTENT))
    assert path.stat().st_mode & 0o077 == 0
    assert path.parent.stat().st_mode & 0o077 == 0


def test_an_altered_file_is_noticed_and_put_mends_it(tmp_path: Path) -> None:
    store = ArtifactStore(tmp_path)
    store.path(store.put(CONTENT)).write_bytes(CONTENT[:-1])
    with pytest.raises(DamagedArtifact, match="altered"):
        store.read(SHA256)
    store.put(CONTENT)
    assert store.read(SHA256) == CONTENT


def test_a_missing_file_is_noticed(tmp_path: Path) -> None:
    with pytest.raises(DamagedArtifact, match="gone") as damaged:
        ArtifactStore(tmp_path).read(SHA256)
    assert str(tmp_path) not in str(damaged.value)


def test_a_process_killed_before_the_rename_leaves_nothing_under_the_name(tmp_path: Path) -> None:
    killed = subprocess.run(
        [sys.executable, "-c", DIE_BEFORE_RENAME, str(tmp_path)],
        cwd=Path(__file__).parents[2], timeout=60, check=False,
    )  # fmt: skip
    assert killed.returncode == -signal.SIGKILL
    store = ArtifactStore(tmp_path)
    assert not store.path(SHA256).exists()
    assert store.put(CONTENT) == SHA256
    assert store.read(SHA256) == CONTENT


def test_a_full_disk_leaves_no_draft(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    store = ArtifactStore(tmp_path)
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        store.put(CONTENT)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_many_writers_of_the_same_content_agree(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(ArtifactStore(tmp_path).put, [CONTENT] * 40))
    assert set(found) == {SHA256}
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [
        ArtifactStore(tmp_path).path(SHA256)
    ]


@pytest.mark.parametrize("name", ["../../etc/passwd", "", "A" * 64, SHA256 + "\n", SHA256[:-1]])
def test_only_a_digest_becomes_a_path(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match="64 hexadecimal"):
        ArtifactStore(tmp_path).path(name)
