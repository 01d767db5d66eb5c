"""What outbound requests are counted by. Labels are words of ours, never a URL's."""

from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter

from aiohttp import TraceConfig
from prometheus_client import CollectorRegistry, Counter, Histogram

from jobs.outbound.errors import OutboundError


class Metrics:
    """One of these for a registry; all clients of a process may share it."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.fetches = Counter(
            "outbound_fetches_total",
            "JSON documents asked for, by what came of it: ok, or the kind of error.",
            ["outcome"],
            registry=registry,
        )
        self.cache = Counter(
            "outbound_cache_total",
            "Lookups: hit, miss, joined (a request under way served it), bypassed.",
            ["result"],
            registry=registry,
        )
        self.seconds = Histogram(
            "outbound_request_seconds",
            "Seconds from asking to the whole answer, redirects included.",
            registry=registry,
        )
        self.connections = Counter(
            "outbound_connections_total", "Connections that were opened.", registry=registry
        )

    @contextmanager
    def fetch(self) -> Iterator[None]:
        """Count one fetch by its outcome."""
        try:
            yield
        except OutboundError as error:
            self.fetches.labels(error.outcome).inc()
            raise
        self.fetches.labels("ok").inc()

    @contextmanager
    def request(self) -> Iterator[None]:
        started = perf_counter()
        try:
            yield
        finally:
            self.seconds.observe(perf_counter() - started)

    def trace(self) -> TraceConfig:
        """Counts the connections of the session it is given to."""
        config = TraceConfig()
        config.on_connection_create_end.append(self._connected)
        return config

    async def _connected(self, *_facts: object) -> None:
        self.connections.inc()
