"""Requests of a model whose answers are kept leave nothing that only a collection would free."""

import asyncio
import gc
from collections.abc import Iterator
from contextlib import contextmanager

from predictions.serving.cache import Cache
from predictions.serving.calls import Call
from predictions.serving.errors import Overloaded
from tests.serving.models import Gated, dear
from tests.serving.submitting import batcher, run
from tests.serving.test_cache import ask


def test_calls_that_are_over_leave_nothing_for_the_collector() -> None:
    runtime = Gated()

    async def scenario() -> None:
        cache, queue = Cache(1 << 20), batcher(runtime, dear())
        asking = [ask(cache, queue, [[i, 0]])[1] for i in (0, 0, 1)]
        left = [ask(cache, queue, [[2, 0]])[0] for _ in range(2)]
        await asyncio.to_thread(runtime.entered.wait, 30)
        for call in left:
            call.cancel()
        del call, left
        runtime.gate.set()
        await asyncio.gather(*asking)
        asking.clear()
        async with asyncio.timeout(30):
            while calls() > others:  # the thread that ran the model may hold them for a moment
                await asyncio.sleep(0)

    with no_collections():
        others = calls()
        run(scenario)


def test_who_is_refused_leaves_nothing_for_the_collector_either() -> None:
    runtime = Gated()

    async def scenario() -> None:
        cache, queue = Cache(1 << 20), batcher(runtime, dear(), max_queue_rows=1)
        asking = [ask(cache, queue, [[0, 0]])[1]]
        await asyncio.to_thread(runtime.entered.wait, 30)
        asking.append(ask(cache, queue, [[0, 1]])[1])
        before, refused = calls(), 0
        for i in range(9):
            try:
                ask(cache, queue, [[1, i]])
            except Overloaded:
                refused += 1
        assert refused == 9
        assert calls() == before
        runtime.gate.set()
        await asyncio.gather(*asking)

    with no_collections():
        run(scenario)


@contextmanager
def no_collections() -> Iterator[None]:
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def calls() -> int:
    return sum(type(each) is Call for each in gc.get_objects())  # proxies say they are others
