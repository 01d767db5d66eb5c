"""The store of model files, named by the sha256 of their content, over a backend. Pure.

What comes in is written to a draft on this machine first; the backend takes the draft under its
name in one step. So a name holds all of its content or none, whenever a process dies.
"""

import errno
import fcntl
import hashlib
import os
import re
import shutil
import stat
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, Final, Protocol

from modelregistry.errors import DamagedArtifact, TooLarge

SHA256: Final = re.compile(r"[0-9a-f]{64}")
NO_ROOM: Final = frozenset({errno.ENOSPC, errno.EDQUOT})  # of an OSError: the disk is full
COPIED_BYTES: Final = 1 << 20  # in memory at a time
DRAFT: Final = ".draft-"


@dataclass(frozen=True, slots=True)
class Stored:
    """What a stream has become."""

    sha256: str
    size: int


@dataclass(frozen=True, slots=True)
class Facts:
    """What a backend knows of a file without reading it."""

    size: int
    put_at: datetime  # when it was last put, aware; the same content may be put again


class Backend(Protocol):
    """Where files are. Its names come from an ArtifactStore, which has checked them."""

    @property
    def drafts(self) -> Path:
        """The folder of this machine where drafts are written, from which `put` takes them."""

    def put(self, name: str, draft: Path) -> None:
        """Keep the draft under `name`, all of it or none, and note the time; it may replace."""

    def open(self, name: str) -> BinaryIO:
        """Raises FileNotFoundError."""

    def exists(self, name: str) -> bool: ...

    def facts(self, name: str) -> Facts:
        """Raises FileNotFoundError."""

    def delete(self, name: str, *, put_before: datetime | None = None) -> bool:
        """Whether it was there and went. One put later than `put_before` stays."""

    def names(self) -> Iterator[str]:
        """What is kept, drafts and strangers' files left out, in no order."""


class ArtifactStore:
    """Content under its own digest. What is not one raises ValueError."""

    def __init__(self, backend: Backend) -> None:
        self.backend = backend

    def put(self, data: bytes) -> str:
        """Keep `data`; the sha256 it is found under."""
        return self.put_stream([data]).sha256

    def put_stream(self, chunks: Iterable[bytes], *, limit: int | None = None) -> Stored:
        """Keep what the chunks make up, with one of them in memory at a time.

        Content that is there already is put again: that mends it where it was damaged, and shows
        that somebody needs it. Raises TooLarge above `limit` bytes, and OSError where there is no
        room (NO_ROOM); no failure, the chunks' own included, leaves anything behind.
        """
        with _draft_in(self.backend.drafts) as draft:
            stored = _write(draft, chunks, limit)
            self.backend.put(stored.sha256, draft)
        return stored

    def read(self, sha256: str) -> bytes:
        """The content kept under `sha256`. Raises DamagedArtifact if it is gone or altered."""
        with _readable(sha256), self.backend.open(_checked(sha256)) as file:
            data = file.read()
        _compare(hashlib.sha256(data).hexdigest(), sha256)
        return data

    def open(self, sha256: str) -> BinaryIO:
        """The same as a file to read on from; all of it was checked before. Close it."""
        with ExitStack() as until_checked:
            with _readable(sha256):
                file = until_checked.enter_context(self.backend.open(_checked(sha256)))
                found = _digest(file)
                file.seek(0)
            _compare(found, sha256)
            until_checked.pop_all()
        return file

    def copy_to(self, sha256: str, path: Path) -> None:
        """A checked copy for somebody who gets no store, in a new file of the owner's alone.

        Raises DamagedArtifact, and FileExistsError; nothing is left of a copy that failed.
        """
        with self.open(sha256) as source, _new_file(path) as target:
            shutil.copyfileobj(source, target, COPIED_BYTES)

    def exists(self, sha256: str) -> bool:
        """Whether something is kept under that name; only reading tells whether it is whole."""
        return self.backend.exists(_checked(sha256))

    def facts(self, sha256: str) -> Facts:
        """Raises FileNotFoundError."""
        return self.backend.facts(_checked(sha256))

    def delete(self, sha256: str, *, put_before: datetime | None = None) -> bool:
        """Whether it was there and went. What was put later than `put_before` stays."""
        return self.backend.delete(_checked(sha256), put_before=put_before)

    def names(self) -> Iterator[str]:
        """The digests of all that is kept, in no order."""
        return self.backend.names()

    def drafts(self) -> Iterator[Path]:
        """Content on its way in, and what processes that were killed have left of theirs."""
        return self.backend.drafts.glob(f"{DRAFT}*")


class LocalFolder:
    """Files under `root`, readable by their owner only; what is put is on disk afterwards."""

    def __init__(self, root: Path) -> None:
        self.root = root

    @property
    def drafts(self) -> Path:
        return self.root  # the same file system: only so is a rename one step

    def put(self, name: str, draft: Path) -> None:
        path = self.path(name)
        _sync(draft)
        if not path.parent.is_dir():
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            _sync(self.root)
        with self._lock(fcntl.LOCK_SH):
            draft.replace(path)
        _sync(path.parent)

    def open(self, name: str) -> BinaryIO:
        return open(self.path(name), "rb", opener=_open_regular)

    def exists(self, name: str) -> bool:
        return self.path(name).is_file()

    def facts(self, name: str) -> Facts:
        found = self.path(name).stat()
        return Facts(found.st_size, datetime.fromtimestamp(found.st_mtime, UTC))

    def delete(self, name: str, *, put_before: datetime | None = None) -> bool:
        with suppress(FileNotFoundError), self._lock(fcntl.LOCK_EX):
            if put_before is None or self.facts(name).put_at < put_before:
                self.path(name).unlink()
                return True
        return False

    def names(self) -> Iterator[str]:
        for path in self.root.glob("??/*"):
            if is_digest(path.name):
                yield path.name

    def path(self, name: str) -> Path:
        """Where that content is or would be."""
        return self.root / name[:2] / name

    @contextmanager
    def _lock(self, how: int) -> Iterator[None]:
        """Nothing is put between a delete's look at the age and its deed."""
        handle = os.open(self.root / ".lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(handle, how)
            yield
        finally:
            os.close(handle)


def _open_regular(path: str, flags: int) -> int:
    """A file, or what leads to one: pipes would be waited for, and devices never end."""
    handle = os.open(path, flags | os.O_NONBLOCK)
    if stat.S_ISREG(os.fstat(handle).st_mode):
        return handle
    os.close(handle)
    raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))


def is_digest(name: str) -> bool:
    return SHA256.fullmatch(name) is not None


def _checked(sha256: str) -> str:
    if not is_digest(sha256):
        raise ValueError("an artifact is named by 64 hexadecimal digits")
    return sha256


def _digest(file: BinaryIO) -> str:
    digest = hashlib.sha256()
    while piece := file.read(COPIED_BYTES):
        digest.update(piece)
    return digest.hexdigest()


def _compare(found: str, sha256: str) -> None:
    if found != sha256:
        raise DamagedArtifact(f"The artifact {sha256[:12]} was altered on disk.", found="altered")


@contextmanager
def _readable(sha256: str) -> Iterator[None]:
    try:
        yield
    except (FileNotFoundError, NotADirectoryError) as error:
        raise DamagedArtifact(f"The artifact {sha256[:12]} is gone.", found="missing") from error
    except OSError as error:
        if error.errno in NO_ROOM:  # a backend elsewhere reads through a file on this machine
            raise
        raise DamagedArtifact(f"The artifact {sha256[:12]} cannot be read.") from error


@contextmanager
def _draft_in(folder: Path) -> Iterator[Path]:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=DRAFT, dir=folder)  # 0600
    try:
        os.close(handle)
        yield Path(name)
    finally:
        Path(name).unlink(missing_ok=True)


def _write(draft: Path, chunks: Iterable[bytes], limit: int | None) -> Stored:
    digest, size = hashlib.sha256(), 0
    with draft.open("wb") as file:
        for chunk in chunks:
            size += len(chunk)
            if limit is not None and size > limit:
                raise TooLarge(limit)
            digest.update(chunk)
            file.write(chunk)
    return Stored(digest.hexdigest(), size)


@contextmanager
def _new_file(path: Path) -> Iterator[BinaryIO]:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
    except BaseException:
        path.unlink(missing_ok=True)
        raise


def _sync(path: Path) -> None:
    """Have the content of a file, or the names in a folder, on disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
