"""A pooled, cached, guarded HTTP client for JSON, of one event loop; outbound.py has the rest."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import TypeAlias

import aiohttp
import msgspec
from aiohttp.abc import AbstractResolver
from yarl import URL

from jobs.outbound.addresses import GuardedResolver, Network, Rules, host_of, parsed
from jobs.outbound.errors import (
    AddressRefused,
    NotJson,
    TooLarge,
    TooManyRedirects,
    TooSlow,
    Unreachable,
    WrongStatus,
)
from jobs.outbound.keeping import Cache, Flights
from jobs.outbound.metrics import Metrics

JsonValue: TypeAlias = "bool | int | float | str | list[JsonValue] | dict[str, JsonValue] | None"
REDIRECTS = frozenset({301, 302, 303, 307, 308})
CHUNK_BYTES = 65_536
LINE_BYTES, HEADERS = 8_190, 128  # of an answer's head
HEAD = {"Accept": "application/json", "User-Agent": "mlapi"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How much of everything, in seconds and bytes; `answer_bytes` counts after decompression.

    `allowed` are networks that may be asked though they are not public.
    """

    connections: int = 100
    connections_per_host: int = 30
    dns_ttl_s: int = 300
    cache_ttl_s: float = 300
    cache_bytes: int = 64_000_000
    total_s: float = 10
    answer_bytes: int = 10_000_000
    redirects: int = 5
    allowed: tuple[Network, ...] = ()


class Client:
    """Make it on the loop it is for, and close it there."""

    def __init__(
        self,
        options: Options,
        *,
        metrics: Metrics,
        resolver: AbstractResolver,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._options = options
        self._metrics = metrics
        self._rules = Rules(options.allowed)
        self._session = _session(options, metrics, GuardedResolver(resolver, self._rules))
        self._flights = Flights()
        self._cache = Cache(ttl_s=options.cache_ttl_s, capacity=options.cache_bytes, clock=clock)

    async def fetch(self, url: str, use_cache: bool = True) -> JsonValue:
        """The JSON at `url`, from the cache where it is fresh. Raises OutboundError.

        Without `use_cache` nothing is read from it, kept in it, or shared with other callers.
        """
        with self._metrics.fetch():
            target = parsed(url)
            return _decode(await (self._cached(target) if use_cache else self._bypassing(target)))

    async def close(self) -> None:
        await self._flights.cancel()
        await self._session.close()

    async def _cached(self, url: URL) -> bytes:
        key = str(url)
        kept = self._cache.get(key)
        result = "hit" if kept is not None else "joined" if key in self._flights else "miss"
        self._metrics.cache.labels(result).inc()
        return await self._flights.join(key, lambda: self._keep(url)) if kept is None else kept

    async def _bypassing(self, url: URL) -> bytes:
        self._metrics.cache.labels("bypassed").inc()
        return await self._request(url)

    async def _keep(self, url: URL) -> bytes:
        body = await self._request(url)
        _decode(body)  # what is no JSON is not kept
        self._cache.put(str(url), body)
        return body

    async def _request(self, url: URL) -> bytes:
        """The body of the last answer, in the time allowed for all of it."""
        try:
            with self._metrics.request():
                async with asyncio.timeout(self._options.total_s):
                    return await self._follow(url)
        except TimeoutError as error:
            raise TooSlow(
                f"{host_of(url)} did not answer within {self._options.total_s:g} s."
            ) from error
        except aiohttp.ClientError as error:
            raise Unreachable(f"{host_of(url)} could not be asked: {_reason(error)}.") from error

    async def _follow(self, url: URL) -> bytes:
        for _ in range(self._options.redirects + 1):
            self._rules.check_literal(host_of(url))
            async with self._session.get(url, allow_redirects=False) as answer:
                if answer.status not in REDIRECTS:
                    return await self._body(answer)
                url = _next(answer)
        raise TooManyRedirects(f"more than {self._options.redirects} redirects.")

    async def _body(self, answer: aiohttp.ClientResponse) -> bytes:
        if not HTTPStatus.OK <= answer.status < HTTPStatus.MULTIPLE_CHOICES:
            raise WrongStatus(host_of(answer.url), answer.status)
        body = bytearray()
        async for chunk in answer.content.iter_chunked(CHUNK_BYTES):
            body += chunk
            if len(body) > self._options.answer_bytes:
                limit = f"{self._options.answer_bytes:,} bytes"
                raise TooLarge(f"{host_of(answer.url)} answered more than {limit}.")
        return bytes(body)


def _session(
    options: Options, metrics: Metrics, resolver: AbstractResolver
) -> aiohttp.ClientSession:
    """No cookies, no proxy or .netrc of the environment, redirects by hand."""
    connector = aiohttp.TCPConnector(
        limit=options.connections,
        limit_per_host=options.connections_per_host,
        ttl_dns_cache=options.dns_ttl_s,
        resolver=resolver,
    )
    return aiohttp.ClientSession(
        connector=connector,
        cookie_jar=aiohttp.DummyCookieJar(),
        headers=HEAD,
        timeout=aiohttp.ClientTimeout(total=None),
        trust_env=False,
        max_line_size=LINE_BYTES,
        max_field_size=LINE_BYTES,
        max_headers=HEADERS,
        trace_configs=[metrics.trace()],
    )


def _next(answer: aiohttp.ClientResponse) -> URL:
    """Where a redirect leads, by the same rules as where it began."""
    location = answer.headers.get("Location")
    if location is None:
        raise WrongStatus(host_of(answer.url), answer.status)
    try:
        return parsed(str(answer.url.join(URL(location))))
    except ValueError as error:
        raise AddressRefused(f"{host_of(answer.url)} redirects to what is not a URL.") from error


def _decode(body: bytes) -> JsonValue:
    try:
        value: JsonValue = msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise NotJson("the answer is not JSON.") from error
    return value


def _reason(error: aiohttp.ClientError) -> str:
    """The system's words where it has some; a library's may quote what was received."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    if isinstance(error, aiohttp.ClientPayloadError | aiohttp.ClientResponseError):
        return "its answer is no HTTP that we take"
    return "the connection broke"
