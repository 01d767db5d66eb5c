"""A real HTTP server on loopback that counts requests and connections, and a client for it."""

import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from ipaddress import ip_network

from aiohttp import ThreadedResolver, web
from aiohttp.abc import AbstractResolver, ResolveResult
from prometheus_client import CollectorRegistry

from jobs.outbound.client import Client, Options
from jobs.outbound.metrics import Metrics

HERE = (ip_network("127.0.0.1/32"),)  # 127.0.0.2 and all else of this machine stay refused
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass
class Server:
    """What it was asked; one handler answers every path."""

    handler: Handler
    url: str = ""
    paths: list[str] = field(default_factory=list)
    heads: list[dict[str, str]] = field(default_factory=list)
    connections: set[object] = field(default_factory=set)
    in_flight: int = 0
    most_in_flight: int = 0

    @property
    def port(self) -> int:
        return int(self.url.rsplit(":", 1)[1])

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.paths.append(request.path_qs)
        self.heads.append(dict(request.headers))
        self.connections.add(request.transport.get_extra_info("peername"))  # type: ignore[union-attr]
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        try:
            return await self.handler(request)
        finally:
            self.in_flight -= 1


@asynccontextmanager
async def serving(handler: Handler, host: str = "127.0.0.1") -> AsyncIterator[Server]:
    server = Server(handler)
    runner = web.ServerRunner(web.Server(server.answer), shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, host, 0)
    await site.start()
    server.url = f"http://{host}:{runner.addresses[0][1]}"
    try:
        yield server
    finally:
        await runner.cleanup()


@dataclass
class Fetching:
    """A client, and what its metrics say."""

    client: Client
    registry: CollectorRegistry

    async def __call__(self, url: str, use_cache: bool = True) -> object:
        return await self.client.fetch(url, use_cache)

    def counted(self, name: str, **labels: str) -> float:
        return self.registry.get_sample_value(name, labels) or 0.0


@asynccontextmanager
async def fetching(
    *,
    resolver: AbstractResolver | None = None,
    clock: Callable[[], float] | None = None,
    **options: object,
) -> AsyncIterator[Fetching]:
    """A client that may ask 127.0.0.1 unless `options` say otherwise."""
    registry = CollectorRegistry()
    client = Client(
        Options(**{"allowed": HERE, **options}),  # type: ignore[arg-type]
        metrics=Metrics(registry),
        resolver=resolver or ThreadedResolver(),
        **({"clock": clock} if clock else {}),
    )
    try:
        yield Fetching(client, registry)
    finally:
        await client.close()


class Answers(AbstractResolver):
    """A name server of our own: each look-up takes the next of `turns`, the last one for ever."""

    def __init__(self, *turns: list[str]) -> None:
        self._turns = list(turns)
        self.asked: list[str] = []

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        self.asked.append(host)
        addresses = self._turns.pop(0) if len(self._turns) > 1 else self._turns[0]
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=socket.AF_INET6 if ":" in address else socket.AF_INET,
                proto=socket.IPPROTO_TCP,
                flags=socket.AI_NUMERICHOST,
            )
            for address in addresses
        ]

    async def close(self) -> None:
        """Nothing is open."""


def json_body(text: str) -> Handler:
    async def handler(_request: web.Request) -> web.StreamResponse:
        return web.Response(text=text, content_type="application/json")

    return handler


def redirecting(location: str, status: int = 302) -> Handler:
    async def handler(_request: web.Request) -> web.StreamResponse:
        return web.Response(status=status, headers={"Location": location})

    return handler
