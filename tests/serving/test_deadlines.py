"""What is late never reaches the model, by a clock that the tests move."""

import asyncio
from concurrent.futures import ThreadPoolExecutor

import pytest

from predictions.serving.errors import DeadlineExceeded
from tests.serving.models import Doubling, Gated, dear
from tests.serving.submitting import batcher, run, submit, values


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_what_is_late_when_its_turn_comes_is_refused_and_its_neighbours_are_answered() -> None:
    runtime, clock = Doubling(), Clock()

    async def scenario() -> None:
        queue = batcher(runtime, clock=clock, max_queue_rows=3)
        before = submit(queue, [[1, 0]], deadline=105.1)[1]
        late = submit(queue, [[2, 0]], deadline=105.0)[1]
        after = submit(queue, [[3, 0]])[1]
        clock.now = 105.0
        assert [values(await before), values(await after)] == [[2.0], [6.0]]
        with pytest.raises(DeadlineExceeded):
            await late
        again = [submit(queue, [[i, 0]])[1] for i in range(3)]  # no place is lost
        assert [values(await each) for each in again] == [[0.0], [2.0], [4.0]]

    run(scenario)
    assert runtime.batches == [2, 3]


def test_what_becomes_late_behind_a_long_run_does_not_run() -> None:
    runtime, clock = Gated(), Clock()

    async def scenario() -> None:
        queue = batcher(runtime, dear(), clock=clock)
        first = submit(queue, [[0, 0]], deadline=101)[1]
        await asyncio.to_thread(runtime.entered.wait, 30)
        waiting = submit(queue, [[1, 0]], deadline=101)[1]
        clock.now = 101.0
        runtime.gate.set()
        assert values(await first) == [0.0]  # it was in time when it ran
        with pytest.raises(DeadlineExceeded):
            await waiting

    run(scenario)
    assert runtime.batches == [1]


def test_a_large_request_that_becomes_late_stops_between_its_slices() -> None:
    runtime, clock = Gated(), Clock()

    async def scenario() -> None:
        queue = batcher(runtime, dear(), clock=clock, max_batch_rows=4)
        large = submit(queue, [[1, 0]] * 12, deadline=101)[1]
        await asyncio.to_thread(runtime.entered.wait, 30)
        clock.now = 102.0
        runtime.gate.set()
        with pytest.raises(DeadlineExceeded):
            await large
        assert values(await submit(queue, [[2, 0]])[1]) == [4.0]

    run(scenario)
    assert runtime.batches == [4, 1]


def test_behind_another_models_run_who_is_late_or_has_left_does_not_run() -> None:
    others, runtime, clock = Gated(), Doubling(), Clock()

    async def scenario() -> None:
        with ThreadPoolExecutor(1) as executor:
            first = submit(batcher(others, dear(), executor=executor), [[0, 0]])[1]
            await asyncio.to_thread(others.entered.wait, 30)
            queue = batcher(runtime, dear(), executor=executor, clock=clock)
            late = submit(queue, [[1, 0]], deadline=101)[1]
            left, never = submit(queue, [[2, 0]])
            staying = submit(queue, [[3, 0]])[1]
            await asyncio.sleep(0)  # the three are a batch by now
            clock.now = 101.0
            left.cancel()
            others.gate.set()
            assert values(await first) == [0.0]
            assert values(await staying) == [6.0]
            with pytest.raises(DeadlineExceeded):
                await late
            assert not never.done()

    run(scenario)
    assert runtime.batches == [1]
