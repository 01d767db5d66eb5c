"""At three times what a model can do, those it takes are answered as quickly as at its best, and
the others are refused at once.
"""

import asyncio
import time
from collections.abc import Iterator
from statistics import median, quantiles

import psutil
import pytest

from benchmarks.caller import Caller
from tests.conftest import Install
from tests.doors.servers import served_process
from tests.running import until
from tests.service.callers import body_of, connected, fault, path_of, predictions
from tests.service.steered import Served, answer, files, register

pytestmark = [pytest.mark.stack, pytest.mark.alone]
BATCH, PLACES = 8, 16
SECONDS = 4.0
SLACK = 5  # of a machine that is busy with other things
Timed = tuple[float, int]  # seconds, status


@pytest.fixture(scope="module")
def server(install: Install) -> Iterator[tuple[psutil.Process, str]]:
    data_dir = install("overload")
    settings = {"max_batch_rows": BATCH, "max_queue_rows": PLACES}
    register(data_dir, Served("slow", files(idle_work=60), settings))  # about 20 ms a run
    with served_process("uvicorn", data_dir) as (process, url):
        (log_path,) = data_dir.glob("uvicorn-*.log")
        until(lambda: "slow version 1 is live" in log_path.read_text(), 60, "it is live")
        yield psutil.Process(process.pid), url


async def ask(caller: Caller, number: int) -> Timed:
    rows = [[number, 1, 0, 0]]
    asked = time.monotonic()
    reply = await caller.ask(path_of("slow"), body_of(*rows))
    took = time.monotonic() - asked
    if reply.status == 200:
        assert predictions(reply) == answer(rows)
    else:
        assert fault(reply) == (503, "overloaded")
        assert int(reply.headers["retry-after"]) >= 1
    return took, reply.status


async def at_capacity(url: str) -> list[Timed]:
    """As many callers as there are places and rows in a run, each of whom asks again at once."""
    found: list[Timed] = []
    over = time.monotonic() + SECONDS

    async def again_and_again(caller: Caller) -> None:
        while time.monotonic() < over:
            found.append(await ask(caller, len(found)))

    async with connected(url, PLACES + BATCH) as callers:
        await asyncio.gather(*map(again_and_again, callers))
    return found


async def at_rate(url: str, per_second: float) -> list[Timed]:
    """So many requests a second, whatever becomes of them."""
    loop = asyncio.get_running_loop()
    async with connected(url, 4 * (PLACES + BATCH)) as idle:
        asking, began = [], loop.time()

        async def one(number: int) -> Timed:
            caller = idle.pop() if idle else Caller(url)  # the server has stood still
            try:
                return await ask(caller, number)
            finally:
                idle.append(caller)

        for number in range(int(SECONDS * per_second)):
            due = asyncio.Event()
            loop.call_at(began + number / per_second, due.set)
            await due.wait()
            asking.append(asyncio.ensure_future(one(number)))
        return await asyncio.gather(*asking)


def p99(found: list[Timed]) -> float:
    return quantiles([took for took, status in found if status == 200], n=100)[-1]


async def test_at_three_times_its_capacity_a_model_answers_as_quickly_and_refuses_at_once(
    server: tuple[psutil.Process, str],
) -> None:
    process, url = server
    best = await at_capacity(url)
    capacity = sum(status == 200 for _, status in best) / SECONDS
    memory = process.memory_info().rss
    beyond = await at_rate(url, 3 * capacity)
    grown = process.memory_info().rss - memory
    refused = [took for took, status in beyond if status == 503]
    print(
        f"capacity {capacity:.0f}/s, p99 {1000 * p99(best):.0f} ms; at three times that "
        f"{len(beyond) - len(refused)} answered, p99 {1000 * p99(beyond):.0f} ms, "
        f"{len(refused)} refused, median {1000 * median(refused):.1f} ms, {grown / 1e6:.1f} MB more"
    )
    assert p99(beyond) < SLACK * 2 * p99(best)
    assert median(refused) < SLACK * 0.05
    assert len(refused) > len(beyond) / 3  # about two thirds
    assert len(beyond) - len(refused) > capacity * SECONDS / 2
    assert grown < SLACK * 2e6
