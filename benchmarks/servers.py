"""Servers of the race: uvicorn processes on free ports of the loopback, pinned to one core."""

import contextlib
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import psutil

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
TUTORIAL_PYTHON = HERE / ".venv" / "bin" / "python"
READY_S = 60.0


class NotServing(Exception):
    """A server ended or stayed silent; the message holds what it printed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """One ASGI application under uvicorn: uvloop, one worker, no access log."""

    name: str
    application: str
    probe_path: str
    probe_body: bytes
    python: Path = Path(sys.executable)
    folder: Path = ROOT
    http: str = "httptools"
    environment: Mapping[str, str] = field(default_factory=dict)

    def argv(self, port: int, cpu: int) -> list[str]:
        pinned = ["taskset", "-c", str(cpu), str(self.python), "-m", "uvicorn", self.application]
        quiet = ["--no-access-log", "--log-level", "warning"]
        return [
            *pinned, "--host", "127.0.0.1", "--port", str(port), "--workers", "1",
            "--loop", "uvloop", "--http", self.http, *quiet,
        ]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Running:
    """A server that answers."""

    url: str
    process: psutil.Process

    def cpu_s(self) -> float:
        """Processor time it has used."""
        used = self.process.cpu_times()
        return used.user + used.system


@contextlib.contextmanager
def serving(server: Server, *, cpu: int, log: Path) -> Iterator[Running]:
    """Run `server` until the block ends; given once its probe is answered by a 2xx."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with log.open("wb") as output:
        process = subprocess.Popen(
            server.argv(port, cpu),
            cwd=server.folder,
            env={**os.environ, **server.environment},
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        _await_ready(process, server, url, log)
        yield Running(url, psutil.Process(process.pid))
    finally:
        _stop(process)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _await_ready(process: subprocess.Popen[bytes], server: Server, url: str, log: Path) -> None:
    deadline = time.monotonic() + READY_S
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise NotServing(f"{server.name} ended: {log.read_text()[-2000:]}")
        with contextlib.suppress(OSError):  # not listening yet, or not yet a 200
            post(url + server.probe_path, server.probe_body)
            return
        time.sleep(0.05)
    raise NotServing(f"{server.name} is not ready after {READY_S:.0f} s: {log.read_text()[-2000:]}")


def post(url: str, body: bytes) -> bytes:
    """The answer's body. Raises OSError (HTTPError included) for anything but a 2xx."""
    request = urllib.request.Request(url, body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=10) as answer:
        answered: bytes = answer.read()
        return answered


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
