"""What the other side may do to us: be slow, be huge, be wrong. Each ends early, by its name."""

import asyncio
import gzip
import time
import tracemalloc

import pytest
from aiohttp import web

from jobs.outbound.errors import NotJson, OutboundError, TooLarge, TooSlow, Unreachable, WrongStatus
from tests.outbound.serving import Answers, Handler, fetching, json_body, serving
from tests.running import free_port

MEGABYTE = 1_000_000


async def trickling(request: web.Request) -> web.StreamResponse:
    """A byte now and then, never so late that a limit between two bytes would notice."""
    answer = web.StreamResponse(headers={"Content-Type": "application/json"})
    await answer.prepare(request)
    while request.transport is not None and not request.transport.is_closing():
        await answer.write(b" ")
        await asyncio.sleep(0.01)
    return answer


async def silent(request: web.Request) -> web.StreamResponse:
    await asyncio.Event().wait()
    return web.Response()


@pytest.mark.alone
@pytest.mark.parametrize("handler", [trickling, silent], ids=lambda h: h.__name__)
async def test_the_total_time_holds_however_the_bytes_come(handler: Handler) -> None:
    async with serving(handler) as server, fetching(total_s=0.3) as fetch:
        began = time.monotonic()
        with pytest.raises(TooSlow, match=r"127\.0\.0\.1 did not answer within 0\.3 s"):
            await fetch(server.url)
        assert 0.29 < time.monotonic() - began < 3
    assert fetch.counted("outbound_fetches_total", outcome="too_slow") == 1


async def test_redirects_do_not_get_the_time_anew() -> None:
    async def slowly_on(request: web.Request) -> web.StreamResponse:
        await asyncio.sleep(0.8)
        return web.Response(status=302, headers={"Location": "/on"})

    async with serving(slowly_on) as server, fetching(total_s=2) as fetch:
        with pytest.raises(TooSlow):
            await fetch(server.url)
    assert len(server.paths) in (2, 3)  # of six there may be


async def test_a_name_server_that_never_answers_is_too_slow() -> None:
    class Silent(Answers):
        async def resolve(self, *_: object, **__: object) -> list[object]:  # type: ignore[override]
            await asyncio.Event().wait()
            return []

    async with fetching(resolver=Silent([]), total_s=0.2) as fetch:
        with pytest.raises(TooSlow):
            await fetch("http://silent.example/")


async def test_an_answer_without_end_is_cut_at_the_limit() -> None:
    sent = 0

    async def endless(request: web.Request) -> web.StreamResponse:
        nonlocal sent
        answer = web.StreamResponse()
        await answer.prepare(request)
        while sent < 500 * MEGABYTE:
            await answer.write(b"1" * 65_536)
            sent += 65_536
        return answer

    async with serving(endless) as server, fetching(answer_bytes=MEGABYTE) as fetch:
        with pytest.raises(TooLarge, match="more than 1,000,000 bytes"):
            await fetch(server.url)
    assert sent < 50 * MEGABYTE


@pytest.mark.parametrize("layers", [1, 2])
async def test_a_small_answer_that_unpacks_to_a_huge_one_takes_no_memory(layers: int) -> None:
    bomb = gzip.compress(b" " * (200 * MEGABYTE), 9)
    encoding = "gzip"
    if layers == 2:
        bomb, encoding = gzip.compress(bomb, 9), "gzip, gzip"

    async def explosive(_request: web.Request) -> web.StreamResponse:
        return web.Response(body=bomb, headers={"Content-Encoding": encoding})

    async with serving(explosive) as server, fetching(answer_bytes=MEGABYTE) as fetch:
        tracemalloc.start()
        try:
            with pytest.raises(OutboundError) as refusal:
                await fetch(server.url)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert len(bomb) < MEGABYTE
    assert peak < 20 * MEGABYTE
    assert isinstance(refusal.value, TooLarge if layers == 1 else NotJson | Unreachable)


async def test_an_honest_compressed_answer_is_read() -> None:
    async def packed(_request: web.Request) -> web.StreamResponse:
        return web.Response(body=gzip.compress(b"[1, 2]"), headers={"Content-Encoding": "gzip"})

    async with serving(packed) as server, fetching() as fetch:
        assert await fetch(server.url) == [1, 2]


@pytest.mark.parametrize(
    "head",
    [
        "X-Long: " + "x" * 100_000,
        "\r\n".join(f"X-Many-{n}: 1" for n in range(2_000)),
        "Content-Length: 2\r\nContent-Length: 3",
        "Content-Encoding: gzip",
        "Content-Length: 100",
    ],
    ids=["long", "many", "contradicting", "not packed", "cut off"],
)
async def test_a_broken_or_oversized_answer_is_unreachable_and_not_quoted(head: str) -> None:
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(f"HTTP/1.1 200 OK\r\n{head}\r\nConnection: close\r\n\r\n11".encode())
        writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    async with server, fetching() as fetch:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(Unreachable) as refusal:
            await fetch(f"http://127.0.0.1:{port}/")
    assert len(str(refusal.value)) < 100


@pytest.mark.parametrize(
    "body",
    ["", "{", "<html>", "NaN", "[1e999]", '{"a": 1} trailing', "[" * 100_000, '"\udc80"', "'a'"],
    ids=range(9),
)
async def test_what_is_not_json_is_said_to_be_none_and_is_not_kept(body: str) -> None:
    async def handler(_request: web.Request) -> web.StreamResponse:
        return web.Response(body=body.encode("utf-8", "surrogateescape"))

    async with serving(handler) as server, fetching() as fetch:
        for _ in range(2):
            with pytest.raises(NotJson):
                await fetch(server.url)
    assert len(server.paths) == 2


@pytest.mark.parametrize("status", [204, 206, 304, 400, 401, 404, 429, 500, 503])
async def test_a_status_that_brings_no_document_is_no_document(status: int) -> None:
    async def handler(_request: web.Request) -> web.StreamResponse:
        return web.Response(status=status)

    async with serving(handler) as server, fetching() as fetch:
        with pytest.raises(WrongStatus if not 200 <= status < 300 else NotJson) as refusal:
            await fetch(server.url)
    assert "/" not in str(refusal.value)


async def test_nobody_at_the_port_is_unreachable() -> None:
    async with fetching() as fetch:
        with pytest.raises(Unreachable, match=r"127\.0\.0\.1 could not be asked: Connect"):
            await fetch(f"http://127.0.0.1:{free_port()}/")
    assert fetch.counted("outbound_fetches_total", outcome="unreachable") == 1


async def test_a_failure_leaves_the_client_usable() -> None:
    answers = iter([trickling, json_body("[]")])

    async def in_turn(request: web.Request) -> web.StreamResponse:
        return await next(answers)(request)

    async with serving(in_turn) as server, fetching(total_s=3) as fetch:
        with pytest.raises(TooSlow):
            await fetch(server.url)
        assert await fetch(server.url) == []
