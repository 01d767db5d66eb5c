"""What is kept, for how long, and that many who ask at once cost one request."""

import asyncio

import pytest
from aiohttp import web

from jobs.outbound.errors import Closed, WrongStatus
from jobs.outbound.keeping import ENTRY_BYTES, Cache
from tests.outbound.serving import Server, fetching, json_body, serving


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Gate:
    """Answers wait until it is opened; `arrived` says that the first request is there."""

    def __init__(self, status: int = 200) -> None:
        self.arrived = asyncio.Event()
        self.opened = asyncio.Event()
        self.status = status

    async def __call__(self, request: web.Request) -> web.StreamResponse:
        self.arrived.set()
        await self.opened.wait()
        return web.json_response({"path": request.path}, status=self.status)


@pytest.mark.parametrize("text", ["null", "false", "0", "0.0", '""', "[]", "{}"])
async def test_a_falsy_value_is_a_value(text: str) -> None:
    async with serving(json_body(text)) as server, fetching() as fetch:
        first, second = await fetch(server.url), await fetch(server.url)
    assert first == second
    assert len(server.paths) == 1
    assert fetch.counted("outbound_cache_total", result="hit") == 1


async def test_an_answer_is_kept_for_its_time_and_then_asked_for_again() -> None:
    clock = Clock()
    async with serving(json_body("1")) as server, fetching(clock=clock) as fetch:
        for seconds, asked in ((0, 1), (299.9, 1), (0.1, 2), (299, 2)):
            clock.now += seconds
            await fetch(server.url)
            assert len(server.paths) == asked


async def test_callers_cannot_change_what_others_read() -> None:
    async with serving(json_body('{"a": [1]}')) as server, fetching() as fetch:
        first = await fetch(server.url)
        first["a"].append(2)  # type: ignore[index]
        assert await fetch(server.url) == {"a": [1]}


async def test_query_and_path_make_another_document_and_a_fragment_does_not() -> None:
    async with serving(json_body("1")) as server, fetching() as fetch:
        for path in ("/", "/?a=1", "/?a=2", "/b", "/b#c"):
            await fetch(server.url + path)
    assert server.paths == ["/", "/?a=1", "/?a=2", "/b"]


async def test_without_the_cache_the_server_is_asked_each_time_and_nothing_is_kept() -> None:
    async with serving(json_body("1")) as server, fetching() as fetch:
        await fetch(server.url, use_cache=False)
        await fetch(server.url)
        await fetch(server.url, use_cache=False)
        await fetch(server.url)
    assert len(server.paths) == 3
    assert fetch.counted("outbound_cache_total", result="bypassed") == 2


async def test_fifty_who_ask_at_once_cost_one_request() -> None:
    gate = Gate()
    async with serving(gate) as server, fetching() as fetch:
        callers = [asyncio.create_task(fetch(f"{server.url}/x")) for _ in range(50)]
        await gate.arrived.wait()
        gate.opened.set()
        assert await asyncio.gather(*callers) == [{"path": "/x"}] * 50
    assert server.paths == ["/x"]
    assert fetch.counted("outbound_cache_total", result="miss") == 1
    assert fetch.counted("outbound_cache_total", result="joined") == 49


async def test_a_caller_who_gives_up_does_not_end_it_for_the_others() -> None:
    gate = Gate()
    async with serving(gate) as server, fetching() as fetch:
        first, second = (asyncio.create_task(fetch(server.url)) for _ in range(2))
        await gate.arrived.wait()
        first.cancel()
        gate.opened.set()
        assert await second == {"path": "/"}
        assert first.cancelled()
    assert len(server.paths) == 1


async def test_a_failure_is_everybodys_and_is_not_kept() -> None:
    gate = Gate(status=500)
    async with serving(gate) as server, fetching() as fetch:
        callers = [asyncio.create_task(fetch(server.url)) for _ in range(3)]
        await gate.arrived.wait()
        gate.opened.set()
        results = await asyncio.gather(*callers, return_exceptions=True)
        assert [type(result) for result in results] == [WrongStatus] * 3
        gate.status = 200
        assert await fetch(server.url) == {"path": "/"}
    assert len(server.paths) == 2


async def test_closing_tells_those_who_still_wait() -> None:
    async def wait_for(server: Server) -> asyncio.Task[object]:
        task = asyncio.create_task(fetch(server.url))
        await gate.arrived.wait()
        return task

    gate = Gate()
    async with serving(gate) as server:
        async with fetching() as fetch:
            waiting = await wait_for(server)
        with pytest.raises(Closed):
            await waiting
        gate.opened.set()


def test_the_oldest_makes_room_when_the_space_is_full() -> None:
    cache = Cache(ttl_s=300, capacity=3 * (ENTRY_BYTES + 11), clock=Clock())
    for name in "abcd":
        cache.put(name, b"0123456789")
    assert [cache.get(name) is not None for name in "abcd"] == [False, True, True, True]


def test_what_is_larger_than_the_space_is_not_kept_and_drives_nothing_out() -> None:
    cache = Cache(ttl_s=300, capacity=2 * (ENTRY_BYTES + 11), clock=Clock())
    cache.put("a", b"0123456789")
    cache.put("b", b"x" * 5000)
    assert cache.get("a") == b"0123456789"
    assert cache.get("b") is None


def test_the_same_again_takes_no_more_space() -> None:
    cache = Cache(ttl_s=300, capacity=2 * (ENTRY_BYTES + 11), clock=Clock())
    for _ in range(100):
        cache.put("a", b"0123456789")
        cache.put("b", b"0123456789")
    assert cache.get("a") is not None
    assert cache.get("b") is not None
