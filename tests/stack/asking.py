"""A client that never retries, and the way to kill a process so that its connections are known."""

import contextlib
import http.client
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import psutil

BODY = json.dumps({"features": [5.1, 3.5, 1.4, 0.2]})
HEADERS = {"Content-Type": "application/json"}


@dataclass(slots=True)
class Asked:
    """What became of the requests, each on a connection of its own."""

    answered: int = 0
    failed: dict[int, str] = field(default_factory=dict)  # by the client's port


def ask(client: http.client.HTTPConnection) -> int:
    client.request("POST", "/predict-async", BODY, HEADERS)
    answer = client.getresponse()
    answer.read()
    return answer.status


@contextmanager
def asking(base_url: str, clients: int = 3) -> Iterator[Asked]:
    """Ask for predictions all the time while inside."""
    asked, over = Asked(), threading.Event()
    threads = [
        threading.Thread(target=_ask_until, args=(over, base_url, asked)) for _ in range(clients)
    ]
    for thread in threads:
        thread.start()
    try:
        yield asked
    finally:
        over.set()
        for thread in threads:
            thread.join(20)


def _ask_until(over: threading.Event, base_url: str, asked: Asked) -> None:
    while not over.wait(0.02):
        client = connection(base_url, timeout=60)  # longer than anything may take to come back
        try:
            client.connect()
            port = client.sock.getsockname()[1]
            status = ask(client)
            if status == 200:
                asked.answered += 1
            else:
                asked.failed[port] = f"status {status}"
        except (OSError, http.client.HTTPException) as error:
            asked.failed[port] = repr(error)
        finally:
            client.close()


def connection(base_url: str, timeout: float) -> http.client.HTTPConnection:
    place = urlsplit(base_url)
    assert place.hostname
    return http.client.HTTPConnection(place.hostname, place.port, timeout=timeout)


def kill(victim: psutil.Process) -> set[int]:
    """SIGKILL; the client ports of the connections that died with it.

    It is stopped first, so that it takes no connection after they were counted.
    """
    victim.suspend()
    ports = {c.raddr.port for c in victim.net_connections("tcp") if c.raddr}
    victim.kill()
    return ports


def web_workers(web: psutil.Process) -> list[psutil.Process]:
    """The processes that uvicorn spawned to serve (its resource tracker serves nobody)."""
    found = []
    for process in web.children():
        with contextlib.suppress(psutil.Error):
            if any("spawn_main" in word for word in process.cmdline()):
                found.append(process)
    return found


def serves(worker: psutil.Process, base_url: str) -> bool:
    """Whether a request on a new connection is answered by this very process."""
    client = connection(base_url, timeout=5)
    try:
        client.connect()
        port = client.sock.getsockname()[1]
        return ask(client) == 200 and port in {
            c.raddr.port for c in worker.net_connections("tcp") if c.raddr
        }
    except (OSError, http.client.HTTPException, psutil.Error):
        return False
    finally:
        client.close()
