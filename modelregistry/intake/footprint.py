"""How much of the disk a confined process takes, watched while it runs: RLIMIT_FSIZE is for each
file by itself, and no limit of the kernel's is for all of them. Pure.

What has no name any more takes room as long as it is open, so that is counted, too. What is only
mapped into memory is out of sight here; the limit of memory bounds it.
"""

import errno
import logging
import os
import signal
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from threading import Event, Thread
from types import TracebackType
from typing import Final

log = logging.getLogger(__name__)
EVERY_S: Final = 0.1
MOST_ENTRIES: Final = 20_000  # files, folders, threads, open files: each takes time to look at
BLOCK_BYTES: Final = 512  # of st_blocks, whatever the file system's own are
GONE: Final = (FileNotFoundError, NotADirectoryError, ProcessLookupError)  # since it was listed
ENDING: Final = (*GONE, PermissionError)  # a thread without memory of its own is nobody's any more
HIDING: Final = frozenset({errno.EACCES, errno.ENAMETOOLONG})  # of a folder that it has made


class Footprint:
    """Ends the process once it takes more than `most_bytes` of the disk; `exceeded` says so.

    It ends it, too, where nobody can look any more: `blind` says so.
    """

    def __init__(self, pid: int, folder: Path, *, most_bytes: int) -> None:
        self.exceeded = self.blind = False
        self._pid = pid
        self._folder = folder
        self._most_bytes = most_bytes
        self._handle = os.pidfd_open(pid)  # its number may be another's by the time it is ended
        self._done = Event()
        self._thread = Thread(target=self._watch, name="footprint", daemon=True)

    def __enter__(self) -> "Footprint":
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._done.set()
        self._thread.join()
        os.close(self._handle)

    def _watch(self) -> None:
        while not (self.exceeded or self.blind or self._done.wait(EVERY_S)):
            try:
                self.exceeded = takes_more(self._folder, self._pid, most_bytes=self._most_bytes)
            except OSError as error:
                log.error("what a confined process takes of the disk cannot be told: %s", error)
                self.blind = True
        if self.exceeded or self.blind:
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._handle, signal.SIGKILL)


def takes_more(folder: Path, pid: int, *, most_bytes: int) -> bool:
    """Whether it takes more, has more of anything than anybody needs, or hides some.

    Raises OSError where this process cannot look.
    """
    looked_at, total, sizes = 0, 0, dict[tuple[int, int], int]()
    try:
        for found in _all_of(folder, pid):
            looked_at += 1
            if found is not None:
                file, size = (found.st_dev, found.st_ino), found.st_blocks * BLOCK_BYTES
                total += size - sizes.get(file, 0)
                sizes[file] = size
            if looked_at > MOST_ENTRIES or total > most_bytes:
                return True
    except OSError as error:
        if error.errno in HIDING:
            return True
        raise
    return False


def _all_of(folder: Path, pid: int) -> Iterator[os.stat_result | None]:
    """Something for all that is looked at; None for what takes no room of its own."""
    folders = [str(folder)]
    while folders:
        with suppress(*GONE):
            for entry in _listed(folders.pop()):
                with suppress(*GONE):
                    found = entry.stat(follow_symlinks=False)
                    if stat.S_ISDIR(found.st_mode):
                        folders.append(entry.path)
                    yield found
    yield from _nameless(pid)


def _listed(folder: str) -> Iterator["os.DirEntry[str]"]:
    with os.scandir(folder) as entries:
        yield from entries


def _nameless(pid: int) -> Iterator[os.stat_result | None]:
    """Files that are open without a name; each thread may have some of its own."""
    with suppress(*ENDING):
        for thread in _listed(f"/proc/{pid}/task"):
            yield None
            with suppress(*ENDING):
                for handle in _listed(f"{thread.path}/fd"):
                    with suppress(*ENDING):
                        found = os.stat(handle.path)  # noqa: PTH116 - the file, not a path to it
                        yield found if found.st_nlink == 0 else None
