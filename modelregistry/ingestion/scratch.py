"""Folders in which files of strangers are looked at: made for one look, gone afterwards."""

import logging
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

log = logging.getLogger(__name__)
LEFT_BEHIND_S: Final = 86_400.0  # a folder this old belongs to nobody any more


@contextmanager
def folder_under(scratch: Path) -> Iterator[Path]:
    scratch.mkdir(mode=0o700, parents=True, exist_ok=True)
    _sweep(scratch)
    folder = Path(tempfile.mkdtemp(dir=scratch))  # 0700
    try:
        yield folder
    finally:
        _remove(folder)


def _sweep(scratch: Path) -> None:
    """What a process left that was killed; nobody works in a folder for a day."""
    oldest = time.time() - LEFT_BEHIND_S
    for folder in scratch.iterdir():
        with suppress(FileNotFoundError):  # somebody else's, who has just done with it
            if folder.stat().st_mtime < oldest:
                _remove(folder)


def _remove(folder: Path) -> None:
    """With all that is in it. Who filled it may have made folders deeper than a path or a stack
    can go, and such as nobody may enter: each is emptied into the outermost one.
    """
    try:
        while inner := [path for path in folder.iterdir() if _is_folder(path)]:
            for path in inner:
                path.chmod(0o700)
                _empty(path, into=folder)
                path.rmdir()
        for path in folder.iterdir():
            path.unlink()
        folder.rmdir()
    except FileNotFoundError:  # somebody else sweeps, too
        return
    except OSError as error:
        log.warning("a folder of a look at a model file stays behind: %s", error.strerror)


def _empty(folder: Path, *, into: Path) -> None:
    for path in folder.iterdir():
        if _is_folder(path):
            path.chmod(0o700)  # else it may not be moved
            path.rename(into / uuid.uuid4().hex)
        else:
            path.unlink()


def _is_folder(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink()
