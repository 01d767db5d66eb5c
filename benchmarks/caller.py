"""A client that may hang up at any moment: one connection, and no pool between it and a server."""

import asyncio
from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import urlsplit

NONE: Mapping[str, str] = {}


class Reply(NamedTuple):
    """`headers` by their names in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes


class Caller:
    """One HTTP/1.1 connection at a time, opened when something is sent."""

    def __init__(self, base_url: str) -> None:
        where = urlsplit(base_url)
        self._host, self._port = where.hostname, where.port
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def send(
        self, path: str, body: bytes, headers: Mapping[str, str] = NONE, *, sent: float = 1.0
    ) -> None:
        """A POST of JSON, or that share of its bytes."""
        if self._streams is None:
            self._streams = await asyncio.open_connection(self._host, self._port)
        whole = request(path, body, headers)
        self._streams[1].write(whole[: round(len(whole) * sent)])
        await self._streams[1].drain()

    async def answer(self) -> Reply:
        """The next one. Raises EOFError or OSError where the server has hung up."""
        assert self._streams is not None  # something was sent
        reader, _ = self._streams
        status, *lines = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = {
            name.lower(): value.strip() for name, _, value in (x.partition(":") for x in lines)
        }
        body = await reader.readexactly(int(headers["content-length"]))
        return Reply(int(status.split()[1]), headers, body)

    async def ask(self, path: str, body: bytes, headers: Mapping[str, str] = NONE) -> Reply:
        await self.send(path, body, headers)
        return await self.answer()

    def leave(self, *, rudely: bool = False) -> None:
        """Hang up: in good order, or by a reset."""
        if self._streams is not None:
            _, writer = self._streams
            if rudely:
                writer.transport.abort()
            else:
                writer.close()
            self._streams = None


def request(path: str, body: bytes, headers: Mapping[str, str]) -> bytes:
    """A POST as it goes over the wire."""
    lines = [
        f"POST {path} HTTP/1.1",
        "host: localhost",
        "content-type: application/json",
        f"content-length: {len(body)}",
        *(f"{name}: {value}" for name, value in headers.items()),
    ]
    return "\r\n".join([*lines, "", ""]).encode() + body
