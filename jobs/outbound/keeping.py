"""Answers kept for a while, and one request for all who ask for the same thing at once."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any, NamedTuple

from jobs.outbound.errors import Closed

ENTRY_BYTES = 300  # what an entry takes beside its URL and its body, roughly


class Kept(NamedTuple):
    body: bytes
    until: float
    cost: int


class Cache:
    """Bodies by URL, each for `ttl_s` seconds, the oldest dropped above `capacity` bytes.

    Bodies, not values: nobody can change what another caller will read.
    """

    def __init__(self, *, ttl_s: float, capacity: int, clock: Callable[[], float]) -> None:
        self._ttl_s = ttl_s
        self._capacity = capacity
        self._clock = clock
        self._kept: OrderedDict[str, Kept] = OrderedDict()
        self._bytes = 0

    def get(self, key: str) -> bytes | None:
        kept = self._kept.get(key)
        if kept is None:
            return None
        if kept.until <= self._clock():
            self._drop(key)
            return None
        return kept.body

    def put(self, key: str, body: bytes) -> None:
        if key in self._kept:
            self._drop(key)
        kept = Kept(body, self._clock() + self._ttl_s, len(key) + len(body) + ENTRY_BYTES)
        if kept.cost > self._capacity:
            return
        self._kept[key] = kept
        self._bytes += kept.cost
        while self._bytes > self._capacity:
            self._drop(next(iter(self._kept)))

    def _drop(self, key: str) -> None:
        self._bytes -= self._kept.pop(key).cost


class Flights:
    """Requests under way, by URL. A caller who gives up does not end it for the others."""

    def __init__(self) -> None:
        self._under_way: dict[str, asyncio.Task[bytes]] = {}

    def __contains__(self, key: str) -> bool:
        return key in self._under_way

    async def join(self, key: str, start: Callable[[], Coroutine[Any, Any, bytes]]) -> bytes:
        """The answer of the flight under way, or of a new one. Raises what it raises."""
        flight = self._under_way.get(key)
        if flight is None:
            flight = self._under_way[key] = asyncio.create_task(start())
            flight.add_done_callback(partial(self._landed, key))
        try:
            return await asyncio.shield(flight)
        except asyncio.CancelledError:
            if flight.cancelled():  # by `cancel`, not the caller
                raise Closed("the client was closed before the answer came.") from None
            raise

    async def cancel(self) -> None:
        flights = list(self._under_way.values())
        for flight in flights:
            flight.cancel()
        await asyncio.gather(*flights, return_exceptions=True)

    def _landed(self, key: str, flight: asyncio.Task[bytes]) -> None:
        del self._under_way[key]
        if not flight.cancelled():
            flight.exception()  # asyncio complains of errors nobody waited for; here all may leave
