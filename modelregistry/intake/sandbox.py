"""Runs one of our modules in a process of its own, which opens files of strangers.

What it is told goes in by one pipe, and what it says comes out of another, frame by frame: steps
that begin, then one answer. Whatever the file does costs that process alone. Pure.
"""

import errno
import os
import selectors
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryFile
from time import monotonic
from typing import IO, Final

import msgspec

from modelregistry.intake.confinement import Limits, give_way
from modelregistry.intake.footprint import Footprint

CODE: Final = Path(__file__).resolve().parent.parent.parent
OUT_OF_MEMORY, UNCONFINED, STRICKEN = 77, 78, 79  # exit codes that say so
# Of an OSError: the machine's disk or its tables, whatever the file holds.
MACHINE_FAULTS: Final = frozenset(
    {errno.EIO, errno.ENOSPC, errno.EDQUOT, errno.ENFILE, errno.EROFS, errno.ESTALE}
)
# What only others send: a service that is stopped ends all of its processes at once.
ENDED_BY_OTHERS: Final = frozenset({-signal.SIGTERM, -signal.SIGHUP, -signal.SIGINT})
LONGEST_FRAME: Final = 16 * 2**20  # a verdict in words and numbers; what is large is in files
MOST_FRAMES: Final = 1000
AGAIN_S: Final = 2.0
END_WITHIN_S: Final = 10.0  # after it has closed its side of the pipe
KEPT_OF_OUTPUT: Final = 2000
THREADS: Final = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


class Start(msgspec.Struct, frozen=True):
    """The one argument of the module."""

    parent: int
    into: int  # the pipe that frames go into
    limits: Limits


class Step(msgspec.Struct, frozen=True, tag=True):
    name: str


class Answer(msgspec.Struct, frozen=True, tag=True):
    body: msgspec.Raw


class Lost(Exception):
    """The process ended without an answer; the message is a clause that says why.

    `output` is the end of what it wrote, for the log.
    """

    output: str = ""


class Stricken(Lost):
    """The machine failed, or somebody ended the process: the file is not to blame."""


class NotConfined(Lost):
    """The process could not be confined, and has opened nothing: the file is not to blame."""


def frame_of(frame: Step | Answer) -> bytes:
    """As it goes through the pipe: four bytes of length, then JSON."""
    data = msgspec.json.encode(frame)
    return len(data).to_bytes(4, "big") + data


class Sandbox:
    """`python -m module` at work in `folder`. Nothing of this process's environment is in it."""

    def __init__(self, module: str, *, folder: Path, limits: Limits) -> None:
        self._module = module
        self._folder = folder
        self._limits = limits

    def ask(self, request: bytes, step: Callable[[str], None]) -> bytes:
        """The answer to `request`; `step` hears what begins, and again while it goes on: it may
        raise, to have it end.

        Raises Lost, NotConfined, Stricken, and what `step` raises. The process is gone
        afterwards, however this ends.
        """
        out_of, into = os.pipe()
        with os.fdopen(out_of, "rb") as pipe, TemporaryFile(dir=self._folder) as output:
            try:
                process = self._start(into, output)
            finally:
                os.close(into)
            with process, self._watched(process) as footprint:
                try:
                    give_way(process.pid)
                    return self._answer(process, request, pipe.fileno(), step)
                except Lost as fault:
                    lost = self._watchers_word(footprint, process) or fault
                    lost.output = _end_of(output)
                    raise lost from fault.__cause__
                finally:
                    _end(process)

    def _watched(self, process: "subprocess.Popen[bytes]") -> Footprint:
        return Footprint(process.pid, self._folder, most_bytes=self._limits.folder_bytes)

    def _watchers_word(
        self, footprint: Footprint, process: "subprocess.Popen[bytes]"
    ) -> Lost | None:
        """Why the watcher has ended it; what has ended by itself says more than it has seen."""
        if process.returncode != -signal.SIGKILL:
            return None
        if footprint.blind:
            return Stricken("what it takes of the disk could not be told")
        most = self._limits.folder_bytes // 2**20
        words = f"it needed more than {most:,} MB of disk, or too many files"
        return Lost(words) if footprint.exceeded else None

    def _start(self, into: int, output: IO[bytes]) -> "subprocess.Popen[bytes]":
        start = msgspec.json.encode(Start(os.getpid(), into, self._limits)).decode()
        return subprocess.Popen(
            [sys.executable, "-m", self._module, start],
            cwd=self._folder,
            env=_environment(self._folder),
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=output,
            pass_fds=(into,),
            start_new_session=True,
        )

    def _answer(
        self,
        process: "subprocess.Popen[bytes]",
        request: bytes,
        pipe: int,
        step: Callable[[str], None],
    ) -> bytes:
        _tell(process, request)
        try:
            for frame in _frames(pipe, until=monotonic() + self._limits.wall_s):
                if isinstance(frame, Answer):
                    return bytes(frame.body)
                step(frame.name)
        except TimeoutError:
            raise Lost(f"it took longer than {self._limits.wall_s:g} seconds") from None
        except (OverflowError, RecursionError, msgspec.DecodeError):
            raise Lost("what came of it makes no sense") from None
        try:
            code = process.wait(END_WITHIN_S)
        except subprocess.TimeoutExpired:
            raise Lost("it fell silent and did not end") from None
        if code == UNCONFINED:
            raise NotConfined("it could not be confined")
        if code == STRICKEN or code in ENDED_BY_OTHERS:
            raise Stricken("its machine failed, or it was ended by somebody else")
        raise Lost(self._why(code))

    def _why(self, code: int) -> str:
        """What its end tells; the kernel kills outright when the machine has no memory left."""
        if code == -signal.SIGXCPU:
            return f"it needed more than {self._limits.cpu_s} seconds of computing"
        if code in (OUT_OF_MEMORY, -signal.SIGKILL):
            return f"it needed more memory than {self._limits.memory_bytes // 2**20:,} MB"
        return "it ended the process that looked at it"


def _environment(folder: Path) -> dict[str, str]:
    """No secrets, no settings: only where our code is, and one thread for every library."""
    places = {"PATH": os.defpath, "HOME": str(folder), "TMPDIR": str(folder)}
    calm = {"LANG": "C.UTF-8", "PYTHONDONTWRITEBYTECODE": "1", "JOBLIB_MULTIPROCESSING": "0"}
    return {**places, **calm, **dict.fromkeys(THREADS, "1"), "PYTHONPATH": str(CODE)}


def _tell(process: "subprocess.Popen[bytes]", request: bytes) -> None:
    """One that has ended already is noticed where its answer is read."""
    assert process.stdin is not None
    with suppress(BrokenPipeError):
        process.stdin.write(request)
    with suppress(BrokenPipeError):
        process.stdin.close()


def _end_of(output: IO[bytes]) -> str:
    """Of what may be far longer than is wanted."""
    size = output.seek(0, os.SEEK_END)
    output.seek(max(0, size - KEPT_OF_OUTPUT))
    return output.read(KEPT_OF_OUTPUT).decode("utf-8", "replace")


def _end(process: "subprocess.Popen[bytes]") -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _frames(pipe: int, *, until: float) -> Iterator[Step | Answer]:
    """Until the other side closes; its last step comes again whenever it is silent for a while.

    Raises TimeoutError, OverflowError, msgspec.DecodeError.
    """
    told: Step | None = None
    received, count = bytearray(), 0
    for piece in _pieces(pipe, until):
        received += piece
        if not piece and told is not None:
            yield told
        for frame in _whole(received):
            count += 1
            if count > MOST_FRAMES:
                raise OverflowError
            if isinstance(frame, Step):
                told = frame
            yield frame


def _pieces(pipe: int, until: float) -> Iterator[bytes]:
    """What comes through the pipe; nothing after each silence. Raises TimeoutError."""
    with selectors.DefaultSelector() as ready:
        ready.register(pipe, selectors.EVENT_READ)
        while (left := until - monotonic()) > 0:
            if not ready.select(min(left, AGAIN_S)):
                yield b""
            elif piece := os.read(pipe, 1 << 16):
                yield piece
            else:
                return
    raise TimeoutError


def _whole(received: bytearray) -> Iterator[Step | Answer]:
    """Takes off the frames that are there whole."""
    while len(received) >= 4:
        size = int.from_bytes(received[:4], "big")
        if size > LONGEST_FRAME:
            raise OverflowError
        if len(received) < 4 + size:
            return
        frame = bytes(received[4 : 4 + size])
        del received[: 4 + size]
        yield msgspec.json.decode(frame, type=Step | Answer)
