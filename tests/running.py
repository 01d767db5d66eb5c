"""Starts `manage.py up` for tests and looks at its processes: by pid and start time, never by name.

Nothing of pytest's own settings reaches it.
"""

import contextlib
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Event

import httpx
import psutil

from mlapi.env import read_environment

BASE_DIR = Path(__file__).resolve().parent.parent
MANAGE = str(BASE_DIR / "manage.py")
OURS = ("MLAPI_", "DJANGO_", "PROMETHEUS_", "CELERY_", "NOTIFY_SOCKET", "PYTEST_")
START_WITHIN_S = 180.0
PORTS = range(10_000, 32_000)  # below those that Linux gives to clients


def clean_environ(data_dir: Path, **extra: str) -> dict[str, str]:
    """This machine's environment without anything that mlapi or pytest would read."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(OURS)}
    kept.pop("DATABASE_URL", None)
    kept.pop("REDIS_URL", None)
    return {**kept, "MLAPI_DATA_DIR": str(data_dir), **extra}


def metrics_folder(data_dir: Path) -> Path:
    """Where the processes of an `up` on that data folder add up what they count."""
    return read_environment({"MLAPI_DATA_DIR": str(data_dir)}).prometheus_dir


def free_port() -> int:
    """A port that nobody has, and that no client's connection takes before a server does."""
    while True:
        with socket.socket() as probe, contextlib.suppress(OSError):
            port = random.choice(PORTS)
            probe.bind(("127.0.0.1", port))
            return port


def until(condition: Callable[[], object], within_s: float, what: str) -> float:
    """Seconds until `condition` held; AssertionError after `within_s`."""
    started, nobody = time.monotonic(), Event()
    while not condition():
        waited = time.monotonic() - started
        assert waited < within_s, f"{what}: not within {within_s} s"
        nobody.wait(0.02)
    return time.monotonic() - started


def manage(
    data_dir: Path, *words: str, within_s: float = 180, **extra: str
) -> "subprocess.CompletedProcess[str]":
    """Run a management command to its end."""
    return subprocess.run(
        [sys.executable, MANAGE, *words],
        env=clean_environ(data_dir, **extra),
        cwd="/",
        capture_output=True,
        text=True,
        timeout=within_s,
        check=False,
    )


@dataclass(frozen=True, slots=True)
class Stack:
    """A running `manage.py up`."""

    process: "subprocess.Popen[bytes]"
    base_url: str
    data_dir: Path
    environment: dict[str, str]
    log_path: Path

    @property
    def log(self) -> str:
        return self.log_path.read_text(errors="replace")

    def tree(self) -> list[psutil.Process]:
        """`up` and everything under it, now; psutil compares start times."""
        up = psutil.Process(self.process.pid)
        return [up, *up.children(recursive=True)]

    def child(self, *words: str) -> psutil.Process:
        """The direct child of `up` whose program and command line have all of `words`."""
        found = [
            process
            for process in psutil.Process(self.process.pid).children()
            if set(words) <= {Path(process.exe()).name, *process.cmdline()}
        ]
        assert len(found) == 1, f"{words}: {found}"
        return found[0]

    def is_ready(self) -> bool:
        try:
            return httpx.get(f"{self.base_url}/readyz", timeout=10).status_code == 200
        except httpx.HTTPError:
            return False

    def wait_ready(self, within_s: float = START_WITHIN_S) -> float:
        """Seconds until `up` itself says that all is ready."""

        def ready() -> bool:
            assert self.process.poll() is None, f"`up` ended:\n{self.log}"
            return "Ctrl-C stops all of it" in self.log  # its last line

        return until(ready, within_s, f"`up` ready\n{self.log}")

    def stop(self, number: signal.Signals = signal.SIGTERM, within_s: float = 40) -> int:
        """Signal `up` and wait for its exit status."""
        self.process.send_signal(number)
        return self.process.wait(within_s)


def start(data_dir: Path, *words: str, port: int | None = None, **extra: str) -> Stack:
    """Start `manage.py up` from a foreign folder, without waiting."""
    port = port or free_port()
    testers_compute_beside_it = {"MLAPI_BACKGROUND_NICE": "0"}
    environment = clean_environ(
        data_dir, **{"MLAPI_PORT": str(port), **testers_compute_beside_it, **extra}
    )
    data_dir.parent.mkdir(parents=True, exist_ok=True)
    log_path = data_dir.parent / f"up-{port}.log"
    with log_path.open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, MANAGE, "up", *words],
            env=environment,
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    return Stack(process, f"http://127.0.0.1:{port}", data_dir, environment, log_path)


@contextmanager
def running(data_dir: Path, *words: str, **extra: str) -> Iterator[Stack]:
    """A ready stack that is gone afterwards."""
    stack = start(data_dir, *words, port=None, **extra)
    try:
        stack.wait_ready()
        yield stack
    finally:
        end(stack)


def end(stack: Stack) -> None:
    """Stop it; whatever is left of it is killed, by pid."""
    try:
        if stack.process.poll() is None:
            stack.stop()
    finally:
        for process in processes_of(stack.data_dir):
            process.kill()
        stack.process.wait(30)
        shutil.rmtree(metrics_folder(stack.data_dir), ignore_errors=True)  # of one that was killed


def processes_of(data_dir: Path) -> list[psutil.Process]:
    """Everything on this machine that was started with this data folder in its environment."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.environ().get("MLAPI_DATA_DIR") == str(data_dir):
                found.append(process)
    return alive(found)


def alive(processes: list[psutil.Process]) -> list[psutil.Process]:
    """Those of `processes` that still run: same pid, same start time, no zombie."""
    return [p for p in processes if p.is_running() and _status(p) != psutil.STATUS_ZOMBIE]


def _status(process: psutil.Process) -> str:
    try:
        return process.status()
    except psutil.NoSuchProcess:
        return psutil.STATUS_ZOMBIE
