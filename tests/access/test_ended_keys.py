"""A key that ends in the midst of its use opens nothing 5 s later, in any process, by any route."""

import asyncio
import functools
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field

import psutil
import pytest

from benchmarks.caller import Caller
from benchmarks.memory import web_workers
from tests.running import Stack, manage, until

pytestmark = [pytest.mark.stack, pytest.mark.alone]
ROW = b'{"features": [5.1, 3.5, 1.4, 0.2]}'
# What is sent, and what a key that is valid is answered.
ROUTES = {
    "/predict-async": (ROW, 200),
    "/predict-sync": (ROW, 200),
    "/api/v1/keys/": (b'{"name": 1}', 422),
}
ENDS = {
    "revoked": "issuing.revoke(keys=[key])",
    "expired": "key.expiry = timezone.now(); key.save()",
    "its owner inactive": "key.user.is_active = False; key.user.save()",
}
MAKE = (
    "from django.contrib.auth.models import User; from django.core.management import *;"
    "User.objects.update_or_create(username='passing', defaults={'is_active': True});"
    "call_command('create_api_key', 'passing')"
)
END = (
    "import time; from django.utils import timezone; from mlapi import issuing;"
    "from mlapi.models import ApiKey;"
    "key = ApiKey.objects.filter(user__username='passing').latest('created');"
    "{end}; print(time.time())"
)
WITHIN_S = 5.0
AFTERWARDS = 20  # requests of each route to each process
IN_EACH = 3  # connections to each process, for each route
MOST_TRIES = 300


def shell(stack: Stack, script: str) -> str:
    done = manage(stack.data_dir, "shell", "-v0", "-c", script)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


class Knocking(Caller):
    """A connection that asks again and again."""

    @property
    def port(self) -> int:
        """At this end."""
        assert self._streams is not None
        found: int = self._streams[1].get_extra_info("sockname")[1]
        return found


@dataclass(slots=True)
class Load:
    """Connections to every process, each busy with its route.

    `answers`: by route and process, when it was asked and what the status was.
    """

    url: str
    headers: Mapping[str, str]
    answers: dict[tuple[str, int], list[tuple[float, int]]] = field(default_factory=dict)
    over: bool = False

    def is_everywhere(self) -> bool:
        """Whether each route was answered by each of the two processes."""
        return len(self.answers) == 2 * len(ROUTES)

    def fewest(self, since: float) -> int:
        """Requests that were sent since then, by the route and process that had fewest."""
        return min(sum(at >= since for at, _ in list(found)) for found in self.answers.values())

    async def run(self, workers: list[psutil.Process]) -> None:
        async with asyncio.TaskGroup() as group:
            for route in ROUTES:
                await self._begin(group, route, workers)

    async def _begin(
        self, group: asyncio.TaskGroup, route: str, workers: list[psutil.Process]
    ) -> None:
        """So many connections to each process."""
        begun = dict.fromkeys((worker.pid for worker in workers), 0)
        for _ in range(MOST_TRIES):
            caller = Knocking(self.url)
            await caller.ask(route, ROUTES[route][0], self.headers)
            pid = _process_at(caller.port, workers)
            if begun[pid] < IN_EACH:
                begun[pid] += 1
                group.create_task(self._ask(caller, route, pid))
            else:
                caller.leave()
            if set(begun.values()) == {IN_EACH}:
                return

    async def _ask(self, caller: Knocking, route: str, pid: int) -> None:
        while not self.over:
            at = time.time()
            reply = await caller.ask(route, ROUTES[route][0], self.headers)
            self.answers.setdefault((route, pid), []).append((at, reply.status))
        caller.leave()


def _process_at(port: int, workers: list[psutil.Process]) -> int:
    """Which process has the other end of our connection."""
    for worker in workers:
        with suppress(psutil.Error):
            for connection in worker.net_connections("tcp"):
                if connection.raddr and connection.raddr.port == port:
                    return worker.pid
    raise AssertionError(f"no process has the connection from port {port}")


def _asked_enough(load: Load, *, since: float) -> bool:
    return load.fewest(since) >= AFTERWARDS


@pytest.mark.parametrize("end", ENDS.values(), ids=ENDS)
async def test_an_ended_key_opens_nothing_5_seconds_later(stack: Stack, end: str) -> None:
    key = await asyncio.to_thread(shell, stack, MAKE)
    workers = web_workers(stack)
    load = Load(stack.base_url, {"authorization": f"Bearer {key}"})
    running = asyncio.ensure_future(load.run(workers))
    try:
        await asyncio.to_thread(until, load.is_everywhere, 90, "every process was asked")
        valid_until = time.time()
        ended = float(await asyncio.to_thread(shell, stack, END.format(end=end)))
        enough = functools.partial(_asked_enough, load, since=ended + WITHIN_S)
        await asyncio.to_thread(until, enough, 90, "asked often enough afterwards")
    finally:
        load.over = True
        await running

    assert len(workers) == 2
    assert load.is_everywhere()
    for (route, _process), answers in load.answers.items():
        assert {said for at, said in answers if at < valid_until} == {ROUTES[route][1]}, route
        assert {said for at, said in answers if at >= ended + WITHIN_S} == {401}, route
