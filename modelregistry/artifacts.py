"""The store of model files, named by the sha256 of their content. Pure."""

import contextlib
import hashlib
import os
import re
import tempfile
from pathlib import Path

from modelregistry.errors import DamagedArtifact

SHA256 = re.compile(r"[0-9a-f]{64}")


class ArtifactStore:
    """Files under `root`, written whole or not at all, readable by their owner only."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def put(self, data: bytes) -> str:
        """Keep `data`; the sha256 it is found under. Putting it again changes nothing."""
        sha256 = hashlib.sha256(data).hexdigest()
        path = self.path(sha256)
        if not self._holds(path, sha256):
            _write_whole(path, data)
        return sha256

    def read(self, sha256: str) -> bytes:
        """The content kept under `sha256`. Raises DamagedArtifact if it is gone or altered."""
        try:
            data = self.path(sha256).read_bytes()
        except OSError as error:
            raise DamagedArtifact(f"The artifact {sha256[:12]} is gone.") from error
        if hashlib.sha256(data).hexdigest() != sha256:
            raise DamagedArtifact(f"The artifact {sha256[:12]} was altered on disk.")
        return data

    def path(self, sha256: str) -> Path:
        """Where that content is or would be."""
        if not SHA256.fullmatch(sha256):
            raise ValueError("an artifact is named by 64 hexadecimal digits")
        return self.root / sha256[:2] / sha256

    def _holds(self, path: Path, sha256: str) -> bool:
        """Is it there and whole? A damaged one is replaced by the next put."""
        with contextlib.suppress(DamagedArtifact):
            return path.is_file() and bool(self.read(sha256))
        return False


def _write_whole(path: Path, data: bytes) -> None:
    """A crash at any point leaves either nothing under `path` or all of it, on disk."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle, draft = tempfile.mkstemp(prefix=".draft-", dir=path.parent)  # 0600
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        Path(draft).replace(path)
    except BaseException:
        Path(draft).unlink(missing_ok=True)
        raise
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
