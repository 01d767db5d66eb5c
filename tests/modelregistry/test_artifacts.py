"""The laws of the store, wherever the files are: content under its own digest, whole or not at all,
checked when it is read.
"""

import hashlib
import os
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from django.core.files.storage import FileSystemStorage

from modelregistry.artifacts import ArtifactStore, Backend, Facts, LocalFolder, Stored
from modelregistry.errors import DamagedArtifact, TooLarge
from modelregistry.storage.adapter import DjangoFiles
from tests.modelregistry import buckets

CONTENT = b"a model" * 1000
SHA256 = hashlib.sha256(CONTENT).hexdigest()
NO_DIGESTS = ["../../etc/passwd", "", "A" * 64, SHA256 + "\n", SHA256[:-1]]
HOUR = timedelta(hours=1)


@pytest.fixture(scope="module")
def s3() -> Iterator[str]:
    with buckets.s3_server() as address:
        yield address


@pytest.fixture(params=["folder", "django", "s3"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> ArtifactStore:
    return ArtifactStore(backend_of(request, tmp_path))


def backend_of(request: pytest.FixtureRequest, tmp_path: Path) -> Backend:
    kept, drafts = tmp_path / "kept", tmp_path / "drafts"
    if request.param == "folder":
        return LocalFolder(kept)
    if request.param == "django":
        kept.mkdir()
        return DjangoFiles(FileSystemStorage(kept, allow_overwrite=True), drafts=drafts)
    address, name = request.getfixturevalue("s3"), f"models-{uuid.uuid4()}"
    buckets.client(address).create_bucket(Bucket=name)
    return DjangoFiles(buckets.bucket(address, name), drafts=drafts)


def damage(store: ArtifactStore, tmp_path: Path) -> None:
    """Somebody else writes under the name."""
    (tmp_path / "other").write_bytes(CONTENT[:-1])
    store.backend.put(SHA256, tmp_path / "other")


def test_content_is_found_under_its_sha256(store: ArtifactStore) -> None:
    assert not store.exists(SHA256)
    assert store.put(CONTENT) == SHA256
    assert store.exists(SHA256)
    assert store.read(SHA256) == CONTENT
    with store.open(SHA256) as file:
        assert file.read(7) + file.read() == CONTENT


def test_a_stream_is_the_same_as_its_bytes(store: ArtifactStore) -> None:
    stored = store.put_stream(CONTENT[i : i + 100] for i in range(0, len(CONTENT), 100))
    assert stored == Stored(SHA256, len(CONTENT))
    assert store.read(SHA256) == CONTENT


def test_nothing_is_content_too(store: ArtifactStore) -> None:
    assert store.put_stream([]) == Stored(hashlib.sha256().hexdigest(), 0)
    assert store.read(hashlib.sha256().hexdigest()) == b""


def test_a_stream_may_be_as_long_as_its_limit(store: ArtifactStore) -> None:
    assert store.put_stream([CONTENT], limit=len(CONTENT)).size == len(CONTENT)


def test_a_stream_over_its_limit_is_read_no_further_and_leaves_nothing(
    store: ArtifactStore,
) -> None:
    endless = iter(lambda: b"x" * 100, b"")
    with pytest.raises(TooLarge, match="at most 1,000 bytes") as refused:
        store.put_stream(endless, limit=1000)
    assert refused.value.limit == 1000
    assert list(store.names()) == list(store.drafts()) == []


def test_a_stream_that_breaks_off_leaves_nothing(store: ArtifactStore) -> None:
    def broken() -> Iterator[bytes]:
        yield CONTENT
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        store.put_stream(broken())
    assert list(store.names()) == list(store.drafts()) == []


def test_an_altered_file_is_noticed_and_put_mends_it(store: ArtifactStore, tmp_path: Path) -> None:
    store.put(CONTENT)
    damage(store, tmp_path)
    for reading in (store.read, store.open, lambda sha256: store.copy_to(sha256, tmp_path / "c")):
        with pytest.raises(DamagedArtifact, match="altered"):
            reading(SHA256)
    assert not (tmp_path / "c").exists()
    store.put(CONTENT)
    assert store.read(SHA256) == CONTENT


def test_a_missing_file_is_noticed(store: ArtifactStore, tmp_path: Path) -> None:
    for reading in (store.read, store.open, lambda sha256: store.copy_to(sha256, tmp_path / "c")):
        with pytest.raises(DamagedArtifact, match=r"^The artifact [0-9a-f]{12} is gone\.$"):
            reading(SHA256)
    with pytest.raises(FileNotFoundError):
        store.facts(SHA256)


def test_what_was_deleted_is_gone(store: ArtifactStore) -> None:
    other = store.put(b"another model")
    store.put(CONTENT)
    assert set(store.names()) == {SHA256, other}
    assert store.delete(SHA256)
    assert list(store.names()) == [other]
    assert not store.exists(SHA256)
    assert not store.delete(SHA256)


def test_size_and_age_are_known(store: ArtifactStore) -> None:
    before = datetime.now(UTC) - timedelta(seconds=1)  # S3 counts whole seconds
    store.put(CONTENT)
    facts = store.facts(SHA256)
    assert facts == Facts(len(CONTENT), facts.put_at)
    assert before <= facts.put_at <= datetime.now(UTC)


def test_what_was_put_again_is_young_and_not_deleted(store: ArtifactStore) -> None:
    store.put(CONTENT)
    at = store.facts(SHA256).put_at
    assert not store.delete(SHA256, put_before=at)
    assert store.read(SHA256) == CONTENT
    assert store.delete(SHA256, put_before=at + HOUR)
    assert not store.exists(SHA256)


def test_putting_again_refreshes_the_age(store: ArtifactStore) -> None:
    store.put(CONTENT)
    if isinstance(store.backend, LocalFolder):  # the others' clocks are not ours to set
        os.utime(store.backend.path(SHA256), (0, 0))
    first = store.facts(SHA256).put_at
    store.put(CONTENT)
    assert store.facts(SHA256).put_at >= first
    assert not store.delete(SHA256, put_before=datetime.now(UTC) - HOUR)


@pytest.mark.parametrize("name", NO_DIGESTS)
def test_only_a_digest_is_a_name(store: ArtifactStore, tmp_path: Path, name: str) -> None:
    doings = (store.read, store.open, store.exists, store.facts, store.delete)
    for doing in (*doings, lambda sha256: store.copy_to(sha256, tmp_path / "c")):
        with pytest.raises(ValueError, match="64 hexadecimal"):
            doing(name)
