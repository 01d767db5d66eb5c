"""Servers of the race: processes on free ports of the loopback, each held to some processors."""

import contextlib
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import psutil

from mlapi.child import Process

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
BENCH_PYTHON = HERE / ".venv" / "bin" / "python"  # has what the service needs not
READY_S = 120.0
JSON = {"Content-Type": "application/json"}


class NotServing(Exception):
    """A server ended or stayed silent; the message holds what it printed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """What to start, and where it answers."""

    process: Process
    url: str


@dataclass(frozen=True, slots=True)
class Running:
    """A server that answers; its figures are those of all its processes."""

    url: str
    process: psutil.Process

    def cpu_s(self) -> float:
        """Processor time they have used."""
        used = [process.cpu_times() for process in self._tree()]
        return sum(times.user + times.system for times in used)

    def memory_mb(self) -> float:
        """What they hold and share with no other process."""
        return sum(process.memory_full_info().uss for process in self._tree()) / 1e6

    def processes(self) -> int:
        return len(self._tree())

    def _tree(self) -> list[psutil.Process]:
        return [self.process, *self.process.children(recursive=True)]


def asgi(
    name: str,
    application: str,
    *,
    probe: tuple[str, bytes],
    python: Path = Path(sys.executable),
    folder: Path = ROOT,
    environment: Mapping[str, str] | None = None,
) -> Server:
    """An application under uvicorn: httptools, uvloop, one worker, no access log."""
    port = free_port()
    url, (path, body) = f"http://127.0.0.1:{port}", probe
    argv = (
        str(python), "-m", "uvicorn", application, "--app-dir", str(folder),
        "--host", "127.0.0.1", "--port", str(port), "--workers", "1",
        "--loop", "uvloop", "--http", "httptools", "--no-access-log", "--log-level", "warning",
    )  # fmt: skip
    env = {**os.environ, **(environment or {})}
    ready = partial(answers, url + path, body, JSON)
    return Server(process=Process(name=name, argv=argv, env=env, ready=ready), url=url)


@contextlib.contextmanager
def serving(server: Server, *, cpus: Collection[int], log: Path) -> Iterator[Running]:
    """Run `server` on `cpus` until the block ends; given once it is ready."""
    with started(server.process, cpus=cpus, log=log) as process:
        yield Running(server.url, psutil.Process(process.pid))


@contextlib.contextmanager
def started(
    process: Process, *, cpus: Collection[int], log: Path
) -> Iterator["subprocess.Popen[bytes]"]:
    with log.open("wb") as output:
        popen = subprocess.Popen(
            [*held_to(cpus), *process.argv], cwd=ROOT, env=process.env, pass_fds=process.pass_fds,
            stdout=output, stderr=subprocess.STDOUT,
        )  # fmt: skip
    try:
        _await_ready(popen, process, log)
        yield popen
    finally:
        _stop(popen)


def held_to(cpus: Collection[int]) -> tuple[str, ...]:
    """Words before a command that hold it to these processors."""
    return "taskset", "-c", ",".join(map(str, sorted(cpus)))


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _await_ready(popen: "subprocess.Popen[bytes]", process: Process, log: Path) -> None:
    deadline = time.monotonic() + READY_S
    while time.monotonic() < deadline:
        if popen.poll() is not None:
            raise NotServing(f"{process.name} ended: {log.read_text()[-2000:]}")
        if process.ready is None or process.ready():
            return
        time.sleep(0.05)
    raise NotServing(
        f"{process.name} is not ready after {READY_S:.0f} s: {log.read_text()[-2000:]}"
    )


def answers(url: str, body: bytes, headers: Mapping[str, str]) -> bool:
    """Whether a POST is answered by a 2xx."""
    try:
        post(url, body, headers)
    except OSError:  # not listening yet, or not yet a 200
        return False
    return True


def post(url: str, body: bytes, headers: Mapping[str, str], method: str = "POST") -> bytes:
    """The answer's body. Raises OSError (HTTPError included) for anything but a 2xx."""
    request = urllib.request.Request(url, body, {**headers}, method=method)
    with urllib.request.urlopen(request, timeout=10) as answer:
        answered: bytes = answer.read()
        return answered


def _stop(popen: "subprocess.Popen[bytes]") -> None:
    popen.terminate()
    try:
        popen.wait(10)
    except subprocess.TimeoutExpired:
        popen.kill()
        popen.wait()
