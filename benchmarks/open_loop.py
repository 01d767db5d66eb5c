"""Load that does not wait for answers: requests are sent when they are due, whatever became of
those before. A request is timed from the moment it was due, so that queueing anywhere counts.
"""

import asyncio
import contextlib
import itertools
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from time import perf_counter
from typing import cast
from urllib.parse import urlsplit

import uvloop

MOST_CONNECTIONS = 4096
STATUS = re.compile(rb"HTTP/1\.1 (\d{3}) ")
LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
CLOSES = re.compile(rb"\r\nconnection: *close", re.IGNORECASE)
RETRY_AFTER = re.compile(rb"\r\nretry-after: *\d+", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """`rate` requests a second on average, at random (Poisson), `requests` in turn, as bytes."""

    url: str
    requests: Sequence[bytes]
    rate: float
    seconds: float
    patience_s: float = 10.0  # for answers after the last request
    seed: int = 7


@dataclass(slots=True)
class Outcomes:
    """Seconds from when a request was due to the end of its answer, by what was answered."""

    accepted_s: list[float] = field(default_factory=list)
    refused_s: list[float] = field(default_factory=list)  # 503 with Retry-After
    late_s: list[float] = field(default_factory=list)  # how long after it was due each was sent
    offered: int = 0

    @property
    def other(self) -> int:
        """Anything else, hung and unsent ones included."""
        return self.offered - len(self.accepted_s) - len(self.refused_s)

    def record(self, head: bytes, seconds: float) -> None:
        status = STATUS.match(head)
        if status is not None and status[1] == b"200":
            self.accepted_s.append(seconds)
        elif status is not None and status[1] == b"503" and RETRY_AFTER.search(head):
            self.refused_s.append(seconds)


class Connection(asyncio.Protocol):
    """One request at a time."""

    def __init__(self, ended: "Callable[[Connection, bytes | None], None]") -> None:
        self._ended = ended
        self._received = b""
        self._asked = False
        self._transport: asyncio.WriteTransport | None = None
        self.due = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.WriteTransport, transport)  # uvloop's is no subclass

    def send(self, request: bytes, due: float) -> None:
        assert self._transport is not None
        self.due, self._received, self._asked = due, b"", True
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        """Tells `ended` the head of an answer that is whole."""
        self._received += data
        head, found, body = self._received.partition(b"\r\n\r\n")
        length = LENGTH.search(head)
        if found and length is not None and len(body) >= int(length[1]):
            self._asked = False
            self._ended(self, head)

    def connection_lost(self, error: Exception | None) -> None:
        if self._asked:
            self._ended(self, None)

    @property
    def is_open(self) -> bool:
        return self._transport is not None and not self._transport.is_closing()

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()


def offer(load: Load) -> Outcomes:
    """Send it all and wait for the answers."""
    return uvloop.run(Generator(load).run())


class Generator:
    """Sends each request on an idle connection, or on a new one."""

    def __init__(self, load: Load) -> None:
        self._load = load
        to = urlsplit(load.url)
        self._address = to.hostname or "", to.port or 80
        self._outcomes = Outcomes()
        self._idle: list[Connection] = []
        self._all: list[Connection] = []
        self._opening: set[asyncio.Task[None]] = set()
        self._pending = 0
        self._quiet = asyncio.Event()  # nothing is on its way

    async def run(self) -> Outcomes:
        turns = itertools.cycle(self._load.requests)
        for due in self._moments():
            await _until(due)
            self._send(next(turns), due)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._load.patience_s):
                await self._quiet.wait()
        for connection in self._all:
            connection.close()
        return self._outcomes

    def _moments(self) -> Iterator[float]:
        gaps, began, at = Random(self._load.seed), perf_counter(), 0.0
        while (at := at + gaps.expovariate(self._load.rate)) < self._load.seconds:
            yield began + at

    def _send(self, request: bytes, due: float) -> None:
        self._outcomes.offered += 1
        self._pending += 1
        self._quiet.clear()
        while self._idle:
            connection = self._idle.pop()
            if connection.is_open:
                self._send_on(connection, request, due)
                return
        if len(self._all) + len(self._opening) < MOST_CONNECTIONS:
            opening = asyncio.ensure_future(self._send_on_new(request, due))
            self._opening.add(opening)
            opening.add_done_callback(self._opening.discard)
        else:
            self._over()

    async def _send_on_new(self, request: bytes, due: float) -> None:
        try:
            _, connection = await asyncio.get_running_loop().create_connection(
                lambda: Connection(self._ended), *self._address
            )
        except OSError:
            self._over()
            return
        self._all.append(connection)
        self._send_on(connection, request, due)

    def _send_on(self, connection: Connection, request: bytes, due: float) -> None:
        self._outcomes.late_s.append(perf_counter() - due)
        connection.send(request, due)

    def _ended(self, connection: Connection, head: bytes | None) -> None:
        """The head of the answer, or None where the connection broke."""
        if head is not None:
            self._outcomes.record(head, perf_counter() - connection.due)
            if CLOSES.search(head):
                connection.close()
            else:
                self._idle.append(connection)
        self._over()

    def _over(self) -> None:
        self._pending -= 1
        if not self._pending:
            self._quiet.set()


async def _until(due: float) -> None:
    """Who is late lets answers be read, too. The loop's timers end up to 1 ms early."""
    await asyncio.sleep(max(0.0, due - perf_counter()))
    while (left_s := due - perf_counter()) > 0:  # noqa: ASYNC110 - a time is no event
        await asyncio.sleep(left_s)


def request_bytes(url: str, headers: Mapping[str, str], body: bytes) -> bytes:
    """A POST as it goes over the wire."""
    to = urlsplit(url)
    sent = {"Host": to.netloc, **headers, "Content-Length": str(len(body))}
    lines = [f"POST {to.path} HTTP/1.1", *(f"{name}: {value}" for name, value in sent.items())]
    return "\r\n".join([*lines, "", ""]).encode() + body
