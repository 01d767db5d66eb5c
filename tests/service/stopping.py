"""A server that is stopped while clients ask it without a pause, and what became of them."""

import signal
import subprocess
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from tests.doors.servers import served_process
from tests.limits.dialling import DJANGO, LANE, answer, dial, post

CLIENTS = 16
ASKED_FOR_S = 1.0  # before the stop


@dataclass(frozen=True, slots=True)
class Asked:
    """When a request was sent to its last byte, and whether its answer came whole."""

    sent: float
    status: int | None


@dataclass(frozen=True, slots=True)
class Stop:
    """`at` is when SIGTERM was sent; `answered` and `broken` are requests sent before it."""

    answered: int
    broken: int
    exit_s: float


def stop_under_load(door: str, data_dir: Path, **extra: str) -> Stop:
    """Start a server, load it, stop it with SIGTERM."""
    asked: list[Asked] = []
    over = threading.Event()
    with served_process(door, data_dir, **extra) as (process, url):
        paths = [DJANGO if number % 4 == 0 else LANE for number in range(CLIENTS)]
        threads = [threading.Thread(target=_ask, args=[url, path, asked, over]) for path in paths]
        for thread in threads:
            thread.start()
        over.wait(ASKED_FOR_S)
        at = time.monotonic()
        process.send_signal(signal.SIGTERM)
        exit_s = _exit_s(process, at)
        over.set()
        for thread in threads:
            thread.join()
    before = [one for one in asked if one.sent < at]
    broken = sum(one.status != 200 for one in before)
    return Stop(answered=len(before) - broken, broken=broken, exit_s=exit_s)


def _exit_s(process: "subprocess.Popen[bytes]", at: float) -> float:
    process.wait(60)
    return time.monotonic() - at


def _ask(url: str, path: str, asked: list[Asked], over: threading.Event) -> None:
    """One request after the other, on a new connection where the old one is closed."""
    while not over.is_set():
        with suppress(OSError), dial(url) as client:
            while not over.is_set():
                client.sendall(post(path))
                sent, status = time.monotonic(), None
                try:
                    told = answer(client)
                    status = told.status
                finally:
                    asked.append(Asked(sent, status))
                if told.headers.get("connection") == "close":
                    break
