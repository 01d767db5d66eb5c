"""Clients that ask without a pause and log every answer: when it was, and which version gave it."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from urllib.parse import urlsplit

BODY = b'{"rows": [[5.1, 3.5, 1.4, 0.2]]}'
PATH = "/api/v1/models/iris/predict"
CLIENTS = 4
ON_ONE_CONNECTION = 20  # then another one, which another process may take


@dataclass(frozen=True, slots=True)
class Answer:
    """Times are Unix seconds of this machine's clock, which is the servers' too."""

    sent: float
    received: float
    status: int
    version: int | None


class Log:
    def __init__(self) -> None:
        self.answers: list[Answer] = []
        self.over = threading.Event()

    def last_of(self, version: int, since: float) -> float:
        """When that version answered for the last time; `since` where it did not any more."""
        told = (a.received for a in self.answers if a.version == version and a.sent > since)
        return max(told, default=since)


@contextmanager
def asking(base_url: str, clients: int = CLIENTS) -> Iterator[Log]:
    log, where = Log(), urlsplit(base_url).netloc
    threads = [threading.Thread(target=_ask, args=[where, log]) for _ in range(clients)]
    for thread in threads:
        thread.start()
    try:
        yield log
    finally:
        log.over.set()
        for thread in threads:
            thread.join()


def _ask(where: str, log: Log) -> None:
    while not log.over.is_set():
        connection = HTTPConnection(where, timeout=30)
        for _ in range(ON_ONE_CONNECTION):
            log.answers.append(_answer(connection))
        connection.close()


def _answer(connection: HTTPConnection) -> Answer:
    sent = time.time()
    connection.request("POST", PATH, BODY, {"Content-Type": "application/json"})
    reply = connection.getresponse()
    told = json.loads(reply.read())
    return Answer(sent, time.time(), reply.status, told.get("version"))
