"""What a serving process does about its garbage: the young is taken soon, the heap hardly ever."""

import asyncio
import gc
import sys
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from mlapi.process import Process
from predictions.lane.asgi import Message, Receive, Send

REQUESTS = 300_000


class Cycle:
    """What a request may leave behind: only a collection takes it. `alive` counts them."""

    alive = 0
    most = 0

    def __init__(self) -> None:
        self.itself = self
        Cycle.alive += 1
        Cycle.most = max(Cycle.most, Cycle.alive)

    def __del__(self) -> None:
        Cycle.alive -= 1


@pytest.fixture
def as_it_was() -> Iterator[None]:
    thresholds, switch_s = gc.get_threshold(), sys.getswitchinterval()
    yield
    gc.set_threshold(*thresholds)
    gc.unfreeze()
    sys.setswitchinterval(switch_s)


async def nothing(scope: Message, receive: Receive, send: Send) -> None:
    raise AssertionError("nobody asks")


@pytest.mark.usefixtures("as_it_was")
async def test_the_whole_heap_is_not_walked_while_young_garbage_is_taken() -> None:
    process = Process(nothing, nothing, start=lambda: None, stop=lambda: None, drain_s=0)
    said: asyncio.Queue[Message] = asyncio.Queue()
    told: asyncio.Queue[Message] = asyncio.Queue()
    server = asyncio.create_task(process({"type": "lifespan"}, told.get, said.put))
    await told.put({"type": "lifespan.startup"})
    assert (await said.get())["type"] == "lifespan.startup.complete"

    gc.collect()  # as has happened once in any process: it counts what is not frozen
    passes: Counter[int] = Counter()

    def count(phase: str, info: dict[str, Any]) -> None:
        passes[info["generation"]] += phase == "start"

    kept = [[number] for number in range(10_000)]  # as what is loaded later is
    gc.callbacks.append(count)
    try:
        for _ in range(REQUESTS):
            Cycle()
    finally:
        gc.callbacks.remove(count)

    assert passes[2] == 0
    assert passes[0] > 0
    assert Cycle.most < REQUESTS / 10
    assert len(kept) == 10_000
    await told.put({"type": "lifespan.shutdown"})
    await server
