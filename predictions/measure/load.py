"""A load generator: so many POST requests, so many in flight, bodies in turn.

One Python process: above a few thousand requests a second it measures itself.
"""

import asyncio
import errno
import itertools
import socket
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import closing
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import aiohttp
import uvloop

from predictions.measure.errors import Unreachable
from predictions.measure.statistics import Report, summarise

WATCH_EVERY_S = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What to send. A request that takes longer than `timeout_s` counts as failed: timeout."""

    url: str
    bodies: Sequence[bytes]
    requests: int
    concurrency: int
    timeout_s: float = 30.0
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Tally:
    """Outcomes as they arrive; readable at any moment, so an interrupted run has its report."""

    clock: Callable[[], float] = time.perf_counter
    durations_s: list[float] = field(default_factory=list)
    failed: Counter[str] = field(default_factory=Counter)
    began: float = 0.0
    ended: float = 0.0

    def start(self) -> None:
        self.began = self.ended = self.clock()

    def record(self, since: float, failure: str | None) -> None:
        self.ended = self.clock()
        if failure is None:
            self.durations_s.append(self.ended - since)
        else:
            self.failed[failure] += 1

    @property
    def total(self) -> int:
        return len(self.durations_s) + self.failed.total()

    def report(self) -> Report:
        return summarise(self.durations_s, self.failed, self.ended - self.began)


async def generate(plan: Plan, tally: Tally, advance: Callable[[], None] | None = None) -> None:
    """Send the plan's requests and record each outcome; `advance` is called after every one."""
    turns = itertools.islice(itertools.cycle(plan.bodies), plan.requests)
    async with _session(plan) as session:
        tally.start()
        async with asyncio.TaskGroup() as senders:
            for _ in range(min(plan.concurrency, plan.requests)):
                senders.create_task(_send(session, plan.url, turns, tally, advance))


def send_watched(plan: Plan, tally: Tally, watch: Callable[[], None]) -> None:
    """Carry the plan out in a thread; this one calls `watch` a few times a second meanwhile.

    What `watch` raises ends the sending and is raised here.
    """
    loop = uvloop.new_event_loop()
    sending = loop.create_task(generate(plan, tally))
    with closing(loop), ThreadPoolExecutor(1, thread_name_prefix="load") as thread:
        ended = thread.submit(loop.run_until_complete, sending)
        try:
            while wait([ended], timeout=WATCH_EVERY_S).not_done:
                watch()
        finally:
            if not ended.done():
                loop.call_soon_threadsafe(sending.cancel)
        ended.result()


def check_reachable(url: str, timeout_s: float = 3.0) -> None:
    """Raise Unreachable unless something accepts a connection at the URL's host and port."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    port = parts.port or {"http": 80, "https": 443}[parts.scheme]
    try:
        socket.create_connection((host, port), timeout_s).close()
    except OSError as error:
        reason = "no answer" if isinstance(error, TimeoutError) else error.strerror
        raise Unreachable(f"nothing answers at {host}:{port} ({reason}).") from error


def _session(plan: Plan) -> aiohttp.ClientSession:
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=plan.concurrency),
        timeout=aiohttp.ClientTimeout(total=plan.timeout_s),
        headers={"Content-Type": "application/json", **plan.headers},
        cookie_jar=aiohttp.DummyCookieJar(),
    )


async def _send(
    session: aiohttp.ClientSession,
    url: str,
    turns: Iterator[bytes],
    tally: Tally,
    advance: Callable[[], None] | None,
) -> None:
    """One of the requests in flight: takes the next body as soon as its last one is answered."""
    for body in turns:
        since = tally.clock()
        tally.record(since, await _failure(session, url, body))
        if advance is not None:
            advance()


async def _failure(session: aiohttp.ClientSession, url: str, body: bytes) -> str | None:
    """Post one body and read the whole answer; None for a 2xx, else the kind of failure."""
    try:
        async with session.post(url, data=body, allow_redirects=False) as response:
            await response.read()
            return None if 200 <= response.status < 300 else f"status {response.status}"
    except TimeoutError:
        return "timeout"
    except aiohttp.ClientConnectorDNSError:
        return "name not resolved"
    except aiohttp.ClientConnectorError as error:
        refused = error.errno == errno.ECONNREFUSED
        return "connection refused" if refused else "connection failed"
    except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError, aiohttp.ClientPayloadError):
        return "connection closed"
    except aiohttp.ClientError:
        return "answer is not HTTP"
