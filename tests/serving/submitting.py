"""Callers of a batcher whose answers are futures."""

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from math import inf
from time import monotonic

from predictions.serving.batcher import Batcher, Places, Policy
from predictions.serving.calls import Answer, Call
from predictions.serving.cost import Cost
from predictions.serving.counts import Counts
from tests.serving.models import CHEAP, Doubling

EXECUTOR = ThreadPoolExecutor(2)
WITHIN_S = 30.0


def batcher(
    runtime: Doubling,
    cost: Cost = CHEAP,
    *,
    clock: Callable[[], float] = monotonic,
    executor: Executor = EXECUTOR,
    counts: Counts | None = None,
    **policy: float,
) -> Batcher:
    return Batcher(
        runtime,
        ["value"],
        policy=Policy(**policy),  # type: ignore[arg-type]
        places=Places(),
        counts=counts or Counts(),
        cost=cost,
        executor=executor,
        clock=clock,
    )


def submit(
    queue: Batcher, rows: list[list[float]], *, deadline: float = inf
) -> tuple[Call, "asyncio.Future[Answer]"]:
    future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()

    def deliver(outcome: Answer | Exception) -> None:
        if isinstance(outcome, Exception):
            future.set_exception(outcome)
        else:
            future.set_result(outcome)

    future.add_done_callback(
        lambda done: done.cancelled() or done.exception()
    )  # seen, if by nobody
    call = Call({"X": rows}, len(rows), deliver, deadline=deadline)
    queue.submit(call)
    return call, future


def run(scenario: Callable[[], Awaitable[None]]) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(WITHIN_S):
            await scenario()

    asyncio.run(bounded())


def values(answer: Answer) -> list[float]:
    return answer.values(0)
