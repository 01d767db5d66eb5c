"""Ties a process to its parent: when the parent dies, however it dies, this one is signalled.

Pure and light: asgi.py calls it in its first lines. Run as a script it ties itself to the process
that started it, takes the priority it is given and becomes a command, so that nobody needs code
between fork and exec: `python -IS lifeline.py SIGTERM PARENT_PID NICE COMMAND...`.
"""

import ctypes
import os
import signal
import sys
import time
from multiprocessing import parent_process
from pathlib import Path

PR_SET_PDEATHSIG = 1  # linux/prctl.h
AUTOGROUP = Path("/proc/self/autogroup")  # where each session is scheduled as one: sched(7)


def die_with_parent(death_signal: signal.Signals, parent: int) -> None:
    """Ask the kernel for `death_signal` when process `parent` ends; it survives exec, not fork.

    A parent that was already gone is noticed: then the signal is sent at once. On other systems
    than Linux nothing happens. Raises OSError where the kernel refuses.
    """
    if sys.platform != "linux":
        return
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_PDEATHSIG, ctypes.c_ulong(death_signal), 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG)")
    if os.getppid() != parent:
        os.kill(os.getpid(), death_signal)


def follow_server() -> None:
    """In a worker that an ASGI server has spawned: end with that server. Elsewhere: nothing.

    At once: nobody is left to wait for its long requests, and the next server wants the socket.
    """
    server = parent_process()
    if server is not None and server.pid is not None:
        die_with_parent(signal.SIGKILL, server.pid)


def give_way(nice: int) -> None:
    """Lower this process's priority, and that of its session, by `nice`.

    The kernel lets a user other than root change one session in a tenth of a second.
    """
    lowered = os.nice(nice)
    for _ in range(20):
        try:
            AUTOGROUP.write_text(str(lowered))
        except BlockingIOError:
            time.sleep(0.1)
        except OSError:  # there are no such groups here: the priority above is all
            return
        else:
            return


def become(death_signal: str, parent: str, nice: str, *command: str) -> None:
    """Tie this process to `parent`, lower its priority and turn it into `command`."""
    die_with_parent(signal.Signals[death_signal], int(parent))
    if int(nice):
        give_way(int(nice))
    os.execvp(command[0], command)  # noqa: S606 - no shell is wanted


if __name__ == "__main__":
    become(*sys.argv[1:])
