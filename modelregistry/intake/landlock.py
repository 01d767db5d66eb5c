"""Which files a confined process may touch: Linux's Landlock, where the kernel has it. Pure.

Source: linux/landlock.h; the calls have the same numbers on every machine.
"""

import ctypes
import errno
import os
import struct
from collections.abc import Iterable
from pathlib import Path
from typing import Final

CREATE_RULESET, ADD_RULE, RESTRICT_SELF = 444, 445, 446
PATH_BENEATH: Final = 1
READ: Final = 1 << 0 | 1 << 2 | 1 << 3  # execute (map a library), read a file, list a folder
ALL: Final = (1 << 13) - 1  # every right of the first version
TRUNCATE: Final = 1 << 14  # of the third
OF_A_FILE: Final = 1 << 0 | 1 << 1 | 1 << 2 | TRUNCATE
# The last is what a container's own filter says of calls that it has never heard of.
NOT_THERE: Final = (errno.ENOSYS, errno.EOPNOTSUPP, errno.EPERM)
ASK: Final = 1  # LANDLOCK_CREATE_RULESET_VERSION: tells the version, and makes nothing


def version() -> int:
    """Of this kernel's Landlock; 0 where it has none, or keeps it from this process."""
    try:
        return _call(CREATE_RULESET, None, 0, ASK)
    except OSError as error:
        if error.errno in NOT_THERE:
            return 0
        raise


def allow_only(*, read: Iterable[Path], write: Iterable[Path]) -> bool:
    """From now on only these files, or what is beneath these folders; False without Landlock.

    What is open already stays open. Needs PR_SET_NO_NEW_PRIVS. Raises OSError where it fails.
    """
    there = version()
    if there == 0:
        return False
    every = ALL | TRUNCATE if there >= 3 else ALL
    ruleset = _call(CREATE_RULESET, ctypes.create_string_buffer(struct.pack("Q", every), 8), 8, 0)
    try:
        for rights, places in ((READ, read), (every, write)):
            for place in places:
                _allow(ruleset, place, rights)
        _call(RESTRICT_SELF, ruleset, 0)
    finally:
        os.close(ruleset)
    return True


def _allow(ruleset: int, place: Path, rights: int) -> None:
    try:
        handle = os.open(place, os.O_PATH | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    try:
        allowed = rights if place.is_dir() else rights & OF_A_FILE
        rule = ctypes.create_string_buffer(struct.pack("=Qi", allowed, handle), 12)
        _call(ADD_RULE, ruleset, PATH_BENEATH, rule, 0)
    finally:
        os.close(handle)


def _call(number: int, *arguments: object) -> int:
    libc = ctypes.CDLL(None, use_errno=True)
    found: int = libc.syscall(ctypes.c_long(number), *arguments)
    if found < 0:
        raise OSError(ctypes.get_errno(), "landlock")
    return found
