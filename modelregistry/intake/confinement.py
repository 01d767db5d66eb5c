"""What a process may do that opens files of strangers: it takes these limits on itself, for ever.

Linux. Called before anything of the file is read, while the process has one thread. Pure.
"""

import ctypes
import os
import platform
import resource
import signal
import struct
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import msgspec

from modelregistry.intake.syscalls import filter_for

PR_SET_PDEATHSIG: Final = 1  # linux/prctl.h, here and below
PR_SET_SECCOMP: Final = 22
PR_SET_NO_NEW_PRIVS: Final = 38
SECCOMP_MODE_FILTER: Final = 2
NICE: Final = 10  # below ours
LOWEST: Final = 19


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """Bytes and seconds; whoever has started the process keeps `wall_s` and `folder_bytes`."""

    memory_bytes: int = 6 * 2**30  # of address space: libraries reserve more than they use
    cpu_s: int = 900
    wall_s: float = 1200.0
    file_bytes: int = 2**30
    folder_bytes: int = 3 * 2**30  # of all files together, those that it is given among them
    open_files: int = 256


def confine(limits: Limits, *, parent: int) -> None:
    """Bounded memory, time and files; no network, no other program, no way back.

    Ends with `parent`. Raises OSError where the kernel refuses.
    """
    _end_with(parent)
    _be_first_to_go()
    for what, soft, hard in (
        (resource.RLIMIT_AS, limits.memory_bytes, limits.memory_bytes),
        (resource.RLIMIT_CPU, limits.cpu_s, limits.cpu_s + 5),  # SIGXCPU first, which tells why
        (resource.RLIMIT_FSIZE, limits.file_bytes, limits.file_bytes),
        (resource.RLIMIT_NOFILE, limits.open_files, limits.open_files),
        (resource.RLIMIT_CORE, 0, 0),
    ):
        _bound(what, soft, hard)
    _prctl(PR_SET_NO_NEW_PRIVS, 1)
    _refuse_calls()


def give_way(pid: int) -> None:
    """Low priority for a process that has just begun, at the head of a session of its own.

    Raises OSError.
    """
    nice = min(os.getpriority(os.PRIO_PROCESS, 0) + NICE, LOWEST)
    os.setpriority(os.PRIO_PROCESS, pid, nice)
    os.sched_setscheduler(pid, os.SCHED_BATCH, os.sched_param(0))
    with suppress(OSError):  # where each session is scheduled as one, its priority counts: sched(7)
        Path(f"/proc/{pid}/autogroup").write_text(str(nice))


def _end_with(parent: int) -> None:
    _prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os.kill(os.getpid(), signal.SIGKILL)


def _bound(what: int, soft: int, hard: int) -> None:
    """A limit that is lower already stays."""
    _, most = resource.getrlimit(what)
    if most != resource.RLIM_INFINITY:
        soft, hard = min(soft, most), min(hard, most)
    resource.setrlimit(what, (soft, hard))


def _refuse_calls() -> None:
    program = filter_for(platform.machine())
    # struct sock_fprog: how many instructions, and where they are.
    filters = struct.pack("HL", len(program) // 8, ctypes.addressof(program))
    _prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.create_string_buffer(filters, len(filters)))


def _be_first_to_go() -> None:
    """Where the machine has no memory left, the kernel ends this process and no other."""
    with suppress(OSError):  # a container may hide the file
        Path("/proc/self/oom_score_adj").write_text("1000")


def _prctl(what: int, value: int, more: Any = 0) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    last = ctypes.c_ulong(more) if isinstance(more, int) else more
    if libc.prctl(what, ctypes.c_ulong(value), last, ctypes.c_ulong(0), ctypes.c_ulong(0)) != 0:
        raise OSError(ctypes.get_errno(), "prctl")
