"""One pool of connections for a process and loop: reused, bounded, closed."""

import asyncio
import threading

from aiohttp import web
from prometheus_client import CollectorRegistry

from jobs.outbound.client import Options
from jobs.outbound.metrics import Metrics
from jobs.outbound.outbound import Outbound
from tests.outbound.serving import HERE, Answers, fetching, json_body, serving


async def test_a_hundred_requests_one_after_the_other_use_one_connection() -> None:
    async with serving(json_body("1")) as server, fetching() as fetch:
        for number in range(100):
            await fetch(f"{server.url}/{number}")
    assert len(server.paths) == 100
    assert len(server.connections) == 1
    assert fetch.counted("outbound_connections_total") == 1


async def test_no_more_than_the_limit_of_a_host_is_open_at_once() -> None:
    most = await most_at_once(requests=40, connections_per_host=5)
    assert most == 5


async def test_no_more_than_the_limit_of_all_is_open_at_once() -> None:
    most = await most_at_once(requests=40, connections=3)
    assert most == 3


async def most_at_once(*, requests: int, **limits: int) -> int:
    """Requests under way together at a server that answers none before all that can have come."""
    gate = asyncio.Event()

    async def handler(request: web.Request) -> web.StreamResponse:
        if request.path != "/probe":
            await gate.wait()
        return web.json_response(1)

    async with serving(handler) as server, fetching(**limits) as fetch, fetching() as other:
        callers = [asyncio.create_task(fetch(f"{server.url}/{n}")) for n in range(requests)]
        for _ in range(20):  # whoever may connect has done so long before these are answered
            await other(f"{server.url}/probe", use_cache=False)
        together = server.in_flight
        gate.set()
        await asyncio.gather(*callers)
    assert len(server.paths) == requests + 20
    assert len(server.connections) == together + 1
    return together


async def test_a_name_is_looked_up_once_for_many_connections() -> None:
    names = Answers(["127.0.0.1"])
    async with serving(json_body("1")) as server, fetching(resolver=names) as fetch:
        url = f"http://source.example:{server.port}"
        await asyncio.gather(*(fetch(f"{url}/{n}") for n in range(20)))
    assert names.asked == ["source.example"]
    assert len(server.connections) > 1


def test_each_loop_has_its_own_pool_and_closing_one_leaves_the_other() -> None:
    registry = CollectorRegistry()
    outbound = Outbound(Options(allowed=HERE), metrics=Metrics(registry))
    other_closed, first_fetched = threading.Event(), threading.Event()

    async def first(url: str) -> None:
        await outbound.fetch(url)
        first_fetched.set()
        await asyncio.to_thread(other_closed.wait, 20)
        await outbound.fetch(url, use_cache=False)
        await outbound.close()

    async def second(url: str) -> None:
        await asyncio.to_thread(first_fetched.wait, 20)
        await outbound.fetch(url)
        await outbound.close()
        other_closed.set()

    async def server_and_both() -> int:
        async with serving(json_body("1")) as server:
            await asyncio.gather(
                asyncio.to_thread(asyncio.run, first(server.url)),
                asyncio.to_thread(asyncio.run, second(server.url)),
            )
            return len(server.connections)

    assert asyncio.run(server_and_both()) == 2
    assert registry.get_sample_value("outbound_connections_total") == 2


async def test_after_closing_it_opens_anew() -> None:
    registry = CollectorRegistry()
    outbound = Outbound(Options(allowed=HERE), metrics=Metrics(registry))
    async with serving(json_body("1")) as server:
        for _ in range(2):
            await outbound.fetch(server.url)
            await outbound.close()
    assert len(server.connections) == 2
    await outbound.close()


async def test_every_fetch_is_counted_once_by_its_outcome() -> None:
    async with serving(json_body("1")) as server, fetching() as fetch:
        for _ in range(3):
            await fetch(server.url)
    assert fetch.counted("outbound_fetches_total", outcome="ok") == 3
    assert fetch.counted("outbound_request_seconds_count") == 1
