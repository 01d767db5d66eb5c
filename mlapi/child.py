"""One child process: in a session of its own, tied to our life, watched by pidfd and pipe."""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from mlapi import lifeline

CHUNK, LONGEST_LINE = 65_536, 8_192


@dataclass(frozen=True, slots=True, kw_only=True)
class Process:
    """What to run, how to tell that it is ready, and how it ends."""

    name: str
    argv: tuple[str, ...]
    env: Mapping[str, str]
    ready: Callable[[], bool] | None = None  # None: it says READY=1 to $NOTIFY_SOCKET itself
    death_signal: signal.Signals = signal.SIGKILL  # sent by the kernel when we die
    grace_s: float = 10.0  # from SIGTERM to SIGKILL
    pass_fds: tuple[int, ...] = ()
    essential: bool = False  # nothing is answered without it
    nice: int = 0  # how far below ours its priority is
    no_news: tuple[str, ...] = ()  # lines that hold one of these are not shown


@dataclass(slots=True)
class Lines:
    """Bytes as they come, cut into lines of bounded length."""

    rest: bytes = b""

    def feed(self, data: bytes) -> Iterator[str]:
        *whole, self.rest = (self.rest + data).split(b"\n")
        if len(self.rest) > LONGEST_LINE:
            whole, self.rest = [*whole, self.rest], b""
        return (line.decode(errors="replace").rstrip() for line in whole)

    def flush(self) -> Iterator[str]:
        return self.feed(b"\n") if self.rest else iter(())


@dataclass(slots=True)
class Child:
    """A running process. Only the one who sees `pidfd` readable may reap it."""

    popen: "subprocess.Popen[bytes]"
    pidfd: int
    output: int
    lines: Lines = field(default_factory=Lines)

    @property
    def pid(self) -> int:
        return self.popen.pid

    def signal_group(self, number: signal.Signals) -> None:
        """Before the leader is reaped its group's number belongs to nobody else."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, number)

    def terminate(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self.pidfd, signal.SIGTERM)

    def reap(self) -> int:
        """End what is left of its group and return the leader's exit status."""
        self.signal_group(signal.SIGKILL)
        os.close(self.pidfd)
        return self.popen.wait()

    def read(self) -> Iterator[str] | None:
        """The lines that have arrived; None at the end of the output."""
        try:
            data = os.read(self.output, CHUNK)
        except BlockingIOError:
            return iter(())
        return self.lines.feed(data) if data else None


def spawn(process: Process, *, cwd: Path) -> Child:
    """Start `process`. Raises OSError where its program cannot be run."""
    reader, writer = os.pipe()
    try:
        popen = subprocess.Popen(
            _tied(process, os.getpid()),
            cwd=cwd,
            env=process.env,
            stdin=subprocess.DEVNULL,
            stdout=writer,
            stderr=writer,
            start_new_session=True,
            pass_fds=process.pass_fds,
        )
    except BaseException:
        os.close(reader)
        raise
    finally:
        os.close(writer)
    os.set_blocking(reader, False)
    return Child(popen=popen, pidfd=os.pidfd_open(popen.pid), output=reader)


def _tied(process: Process, parent: int) -> list[str]:
    script = str(Path(lifeline.__file__).resolve())
    tie = [sys.executable, "-I", "-S", script, process.death_signal.name, str(parent)]
    return [*tie, str(process.nice), *process.argv]
