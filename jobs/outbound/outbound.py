"""The process's HTTP client: one pool of connections and one cache for each running event loop."""

import asyncio
from collections.abc import Callable
from weakref import WeakKeyDictionary

from aiohttp import ThreadedResolver
from aiohttp.abc import AbstractResolver

from jobs.outbound.client import Client, JsonValue, Options
from jobs.outbound.metrics import Metrics


class Outbound:
    """Make one for a process, and `close` it on each loop that used it.

    A loop's client is touched by that loop's thread alone, so nothing here is locked.
    """

    def __init__(
        self,
        options: Options,
        *,
        metrics: Metrics,
        resolver: Callable[[], AbstractResolver] = ThreadedResolver,
    ) -> None:
        self._options = options
        self._metrics = metrics
        self._resolver = resolver
        self._clients: WeakKeyDictionary[asyncio.AbstractEventLoop, Client] = WeakKeyDictionary()

    async def fetch(self, url: str, use_cache: bool = True) -> JsonValue:
        """The JSON at `url`; Client.fetch says more. Raises OutboundError."""
        return await self._client().fetch(url, use_cache)

    async def close(self) -> None:
        """Close the running loop's connections; a later fetch opens new ones."""
        client = self._clients.pop(asyncio.get_running_loop(), None)
        if client is not None:
            await client.close()

    def _client(self) -> Client:
        loop = asyncio.get_running_loop()
        client = self._clients.get(loop)
        if client is None:
            client = Client(self._options, metrics=self._metrics, resolver=self._resolver())
            self._clients[loop] = client
        return client
