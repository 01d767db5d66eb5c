"""What a confined process may try, each attempt by name. Run by the sandbox, as the module that
opens files of strangers is; the request is the name and what it is about.
"""

import ctypes
import errno
import os
import resource
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from itertools import count
from pathlib import Path
from threading import Thread, stack_size
from typing import Any

import msgspec

from modelregistry.ingestion.child import give_up_rights, send
from modelregistry.intake.sandbox import OUT_OF_MEMORY, Answer, Start, Step, frame_of

FILL_BYTES, FILES_OPEN = 100_000, 100
REFUSED = (errno.EPERM, errno.EACCES, errno.EXDEV)
START = msgspec.json.decode(sys.argv[1], type=Start)


def allowed(attempt: Callable[[], object]) -> bool:
    """Whether the kernel lets it happen."""
    try:
        attempt()
    except OSError as error:
        if error.errno not in REFUSED:
            raise
        return False
    return True


def endless(_: str) -> None:
    send(START.into, frame_of(Step(str(os.getpid()))))
    while True:
        pass


def swallow(size: str) -> int:
    try:
        return len(bytearray(int(size)))
    except MemoryError:
        os._exit(OUT_OF_MEMORY)


def rubbish(_: str) -> None:
    send(START.into, b"\x00\x00\x00\x05hello")
    os._exit(0)


def endless_frame(_: str) -> None:
    send(START.into, b"\xff\xff\xff\xff")
    signal.pause()


def deep_answer(_: str) -> None:
    """Through a pipe that is read meanwhile: it is longer than one holds."""
    frame = b'{"type":"Answer","body":' + b"[" * 1_000_000
    send(START.into, len(frame).to_bytes(4, "big") + frame)
    os._exit(0)


def steps(names: str) -> str:
    for name in names.split():
        send(START.into, frame_of(Step(name)))
    return "done"


def session_priority() -> int | None:
    """None where the kernel knows none."""
    path = Path("/proc/self/autogroup")
    return int(path.read_text().split()[-1]) if path.exists() else None


def limits(_: str) -> dict[str, Any]:
    return {
        "nice": os.getpriority(os.PRIO_PROCESS, 0),
        "session": session_priority(),
        "batch": os.sched_getscheduler(0) == os.SCHED_BATCH,
        "memory": resource.getrlimit(resource.RLIMIT_AS)[0],
        "cpu": resource.getrlimit(resource.RLIMIT_CPU)[0],
        "file": resource.getrlimit(resource.RLIMIT_FSIZE)[0],
        "files": resource.getrlimit(resource.RLIMIT_NOFILE)[0],
        "core": resource.getrlimit(resource.RLIMIT_CORE)[0],
    }


def long_file(size: str) -> str:
    """The signal that a file too long brings is Python's to turn into an error."""
    try:
        Path("long").write_bytes(bytes(int(size)))
    except OSError as error:
        return type(error).__name__
    return "written"


def fill(how: str) -> None:
    """The disk, with files that are each as short as they have to be, for as long as it may."""
    opened = []
    for number in count():
        if how == "deep":
            Path("d").mkdir()
            os.chdir("d")
            continue
        name = str(number)
        handle = os.open(name, os.O_WRONLY | os.O_CREAT)
        if how == "no names":
            Path(name).unlink()
            opened.append(handle)
            if len(opened) == FILES_OPEN:
                signal.pause()
        if how != "nothing in them":
            os.write(handle, bytes(FILL_BYTES))
        if how != "no names":
            os.close(handle)


def threads(most: str) -> None:
    """So many, each with a table of open files that takes time to look through."""
    for _ in range(FILES_OPEN):
        os.open("/dev/null", os.O_RDONLY)
    stack_size(2**16)
    for _ in range(int(most)):
        Thread(target=signal.pause, daemon=True).start()
    signal.pause()


def flood(_: str) -> None:
    while True:
        send(START.into, frame_of(Step("convert")))


def noise(_: str) -> None:
    while os.write(1, b"noise, " * 100_000):
        pass


def raw_socket(_: str) -> bool:
    """Past Python, by the C library."""
    return bool(ctypes.CDLL(None, use_errno=True).socket(2, 1, 0) >= 0)


ATTEMPTS: dict[str, Callable[[str], Any]] = {
    "environment": lambda _: dict(os.environ),
    "open files": lambda _: [str(Path(f"/proc/self/fd/{n}").readlink()) for n in (0, 1, 2)],
    "hide what it said": lambda _: (print("said", flush=True), os.mkfifo("output"), os._exit(3)),
    "limits": limits,
    "socket": lambda _: allowed(socket.socket),
    "raw socket": raw_socket,
    "pair": lambda _: allowed(socket.socketpair),
    "program": lambda _: allowed(lambda: subprocess.run(["/bin/true"], check=False)),
    "exec": lambda _: allowed(lambda: os.execv("/bin/true", ["true"])),
    "fork": lambda _: allowed(os.fork),
    "thread": lambda _: Thread(target=int).start() or "begun",
    "signal": lambda _: allowed(lambda: os.kill(os.getppid(), 0)),
    "read": lambda path: allowed(Path(path).read_bytes),
    "list": lambda path: allowed(lambda: list(Path(path).iterdir())),
    "write": lambda path: allowed(lambda: Path(path).write_bytes(b"mine")),
    "append": lambda path: allowed(lambda: os.open(path, os.O_WRONLY | os.O_APPEND)),
    "cut": lambda path: allowed(lambda: os.truncate(path, 0)),
    "rights": lambda path: allowed(lambda: Path(path).chmod(0)),
    "owner": lambda path: allowed(lambda: os.chown(path, os.getuid(), os.getgid())),
    "remove": lambda path: allowed(Path(path).unlink),
    "rename": lambda path: allowed(lambda: Path(path).rename("taken")),
    "link": lambda path: allowed(lambda: os.link(path, "taken")),
    "through a link": lambda path: allowed(
        lambda: (Path("leads out").symlink_to(path), Path("leads out").read_bytes())
    ),
    "up": lambda path: allowed(Path("..", Path(path).name).read_bytes),
    "long file": long_file,
    "fill": fill,
    "threads": threads,
    "undumpable": lambda _: ctypes.CDLL(None, use_errno=True).prctl(4, 0, 0, 0, 0),
    "deep answer": deep_answer,
    "swallow": swallow,
    "endless": endless,
    "steps": steps,
    "rubbish": rubbish,
    "endless frame": endless_frame,
    "noise": noise,
    "flood": flood,
    "abort": lambda _: os.abort(),
    "leave": lambda _: os._exit(0),
    "say and fail": lambda _: os._exit(print("what it said", flush=True) or 3),
}  # fmt: skip


if __name__ == "__main__":
    give_up_rights(START)
    name, about = msgspec.json.decode(sys.stdin.buffer.read(), type=tuple[str, str])
    answer = ATTEMPTS[name](about)
    send(START.into, frame_of(Answer(msgspec.Raw(msgspec.json.encode(answer)))))
