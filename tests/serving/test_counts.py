"""What batchers count of a model: each request and each run once, whichever thread ran it."""

import asyncio
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from predictions.serving.counts import ROWS, SECONDS, Counts, Distribution
from predictions.serving.errors import DeadlineExceeded, InferenceFailed
from tests.serving.models import Doubling, Gated, Picky, Poisonable, dear
from tests.serving.submitting import batcher, run, submit, values


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def count(values: Distribution) -> int:
    return sum(values.buckets)


def runs_of(counts: Counts) -> tuple[int, float]:
    """How many there were, with how many rows; all that is counted of a run agrees."""
    runs = count(counts.batch_rows)
    assert count(counts.assembly) == count(counts.inference) == runs
    return runs, counts.batch_rows.total


@given(st.lists(st.sampled_from([*SECONDS, 0.0, 7e-6, 0.003, 11.0]) | st.floats(0, 20)))
def test_values_added_together_count_as_one_by_one(given: list[float]) -> None:
    together, one_by_one = Distribution(SECONDS), Distribution(SECONDS)
    together.add_all(given)
    for value in given:
        one_by_one.add(value)
    assert together.buckets == one_by_one.buckets
    assert together.total == pytest.approx(one_by_one.total)


def test_a_value_on_a_bound_is_below_it_and_the_largest_have_none() -> None:
    rows = Distribution(ROWS)
    rows.add_all([1, 2, 2, 3, 65_536, 65_537])
    assert [rows.buckets[at] for at in (0, 1, 2, -2, -1)] == [1, 2, 1, 1, 1]
    assert rows.total == 131_081


def test_waiting_is_counted_for_each_request_and_running_for_each_batch() -> None:
    counts, clock = Counts(), Clock()

    async def scenario() -> None:
        queue = batcher(Doubling(), clock=clock, counts=counts, max_batch_rows=4)
        early = [submit(queue, [[i, 0]] * 2)[1] for i in range(2)]
        clock.now = 100.02
        late = submit(queue, [[2, 0]])[1]
        assert counts.waiting_rows == 5
        clock.now = 100.07
        await asyncio.gather(*early, late)

    run(scenario)
    assert runs_of(counts) == (2, 5)
    assert counts.queue.total == pytest.approx(2 * 0.07 + 0.05)
    assert count(counts.queue) == 3
    assert counts.waiting_rows == 0


def test_a_request_of_many_slices_waits_once_and_has_many_runs() -> None:
    counts = Counts()

    async def scenario() -> None:
        queue = batcher(Doubling(), counts=counts, max_batch_rows=4)
        large = submit(queue, [[1, 0]] * 10)[1]
        assert counts.waiting_rows == 4, "as many as a batch: the others do not wait for a place"
        await large

    run(scenario)
    assert runs_of(counts) == (3, 10)
    assert count(counts.queue) == 1
    assert counts.waiting_rows == 0


def test_those_who_leave_or_are_late_neither_wait_in_the_count_nor_run() -> None:
    counts, clock = Counts(), Clock()

    async def scenario() -> None:
        queue = batcher(Doubling(), clock=clock, counts=counts)
        submit(queue, [[1, 0]])[0].cancel()
        late = submit(queue, [[2, 0]], deadline=100.5)[1]
        staying = submit(queue, [[3, 0]])[1]
        clock.now = 101.0
        assert values(await staying) == [6.0]
        with pytest.raises(DeadlineExceeded):
            await late

    run(scenario)
    assert runs_of(counts) == (1, 1)
    assert (count(counts.queue), counts.queue.total) == (1, 1.0)
    assert counts.waiting_rows == 0


def test_who_waits_for_a_thread_waits_and_who_is_late_there_does_not_run() -> None:
    others, counts, clock = Gated(), Counts(), Clock()

    async def scenario() -> None:
        with ThreadPoolExecutor(1) as executor:
            first = submit(batcher(others, dear(), executor=executor), [[0, 0]])[1]
            await asyncio.to_thread(others.entered.wait, 30)
            queue = batcher(Doubling(), dear(), executor=executor, clock=clock, counts=counts)
            late = submit(queue, [[1, 0]], deadline=101)[1]
            staying = submit(queue, [[3, 0]])[1]
            await asyncio.sleep(0)  # both are a batch by now
            assert counts.waiting_rows == 0
            clock.now = 102.0
            others.gate.set()
            await asyncio.gather(first, staying)
            with pytest.raises(DeadlineExceeded):
                await late

    run(scenario)
    assert runs_of(counts) == (1, 1)
    assert (count(counts.queue), counts.queue.total) == (1, 2.0)


def test_a_run_that_raises_is_a_run() -> None:
    counts = Counts()

    async def scenario() -> None:
        queue = batcher(Poisonable(), counts=counts)
        with pytest.raises(InferenceFailed):
            await submit(queue, [[666, 0]] * 3)[1]

    run(scenario)
    assert runs_of(counts) == (1, 3)
    assert count(counts.queue) == 1


def test_runs_that_find_a_refused_row_are_runs_and_nobody_waits_twice() -> None:
    counts = Counts()

    async def scenario() -> None:
        queue = batcher(Picky(), counts=counts)
        asking = [submit(queue, [[x, 0]])[1] for x in (1, 666, 2, 3)]
        await asyncio.gather(*asking, return_exceptions=True)

    run(scenario)
    assert runs_of(counts) == (5, 10)  # all four, two and two, the first two one by one
    assert count(counts.queue) == 4


def test_nothing_is_lost_between_batchers_that_share_counts_and_run_in_threads() -> None:
    counts, turns, callers = Counts(), 200, 5

    async def scenario() -> None:
        queues = [batcher(Doubling(), dear(), counts=counts) for _ in range(3)]

        async def keep_busy(number: int) -> None:
            for _ in range(turns):
                await asyncio.gather(*[submit(queues[number], [[1, 0]])[1] for _ in range(callers)])

        await asyncio.gather(*map(keep_busy, range(3)))

    run(scenario)
    assert runs_of(counts)[1] == count(counts.queue) == 3 * turns * callers
    assert counts.waiting_rows == 0
