"""Answers that are kept: true, bounded in bytes and time, and one run for all who ask at once."""

import asyncio
from math import inf

import pytest

from predictions.serving.batcher import Batcher
from predictions.serving.cache import Cache, Key, digest_of
from predictions.serving.calls import Answer, Call
from predictions.serving.errors import DeadlineExceeded, InferenceFailed, Overloaded
from tests.serving.models import SIGNATURE, Doubling, Gated, Poisonable, dear
from tests.serving.submitting import batcher, run, values
from tests.serving.test_deadlines import Clock

ROW = [[1, 2]]


def key(rows: list[list[float]], version: str = "1") -> Key:
    return Key(version, ("value",), digest_of(SIGNATURE, {"X": rows}, len(rows)))


def ask(
    cache: Cache,
    queue: Batcher,
    rows: list[list[float]] = ROW,
    *,
    ttl_s: float = 60.0,
    deadline: float = inf,
    version: str = "1",
) -> tuple[Call, "asyncio.Future[Answer]"]:
    future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()

    def deliver(outcome: Answer | Exception) -> None:
        assert not future.done()
        if isinstance(outcome, Exception):
            future.set_exception(outcome)
        else:
            future.set_result(outcome)

    call = Call({"X": rows}, len(rows), deliver, deadline=deadline)
    cache.submit(key(rows, version), call, ttl_s, queue.submit)
    return call, future


def test_rows_that_were_answered_are_not_run_again() -> None:
    runtime = Doubling()

    async def scenario() -> None:
        cache, queue = Cache(1 << 20), batcher(runtime)
        for rows in (ROW, [[3, 4]], ROW, [[3, 4]], ROW):
            assert values(await ask(cache, queue, rows)[1]) == [2 * sum(rows[0])]

    run(scenario)
    assert runtime.batches == [1, 1]


def test_an_answer_from_a_batch_is_kept_without_its_neighbours() -> None:
    runtime = Doubling()

    async def scenario() -> None:
        cache, queue = Cache(1 << 20), batcher(runtime)
        together = [ask(cache, queue, [[i, 0], [i, 1]])[1] for i in range(9)]
        assert [values(await each) for each in together] == [[2 * i, 2 * i + 2] for i in range(9)]
        again = [ask(cache, queue, [[i, 0], [i, 1]])[1].result() for i in range(9)]
        assert [values(each) for each in again] == [[2 * i, 2 * i + 2] for i in range(9)]
        assert all(len(each.results.tensors[0]) == 2 for each in again)

    run(scenario)
    assert runtime.batches == [18]


def test_those_who_ask_for_the_same_at_once_share_one_run() -> None:
    runtime = Gated()

    async def scenario() -> None:
        cache, queue = Cache(1 << 20), batcher(runtime, dear())
        asking = [ask(cache, queue)[1] for _ in range(10)]
        await asyncio.to_thread(runtime.entered.wait, 30)
        asking += [ask(cache, queue)[1] for _ in range(10)]
        runtime.gate.set()
        assert {values(await each)[0] for each in asking} == {6.0}

    run(scenario)
    assert runtime.batches == [1]


def test_one_who_leaves_a_shared_run_takes_it_from_nobody_and_the_last_one_ends_it() -> None:
    runtime = Doubling()

    async def scenario() -> None:
        cache, queue = Cache(1 << 20), batcher(runtime)
        first, second = ask(cache, queue), ask(cache, queue)
        first[0].cancel()
        assert values(await second[1]) == [6.0]
        assert not first[1].done()
        left = [ask(cache, queue, [[5, 5]]) for _ in range(2)]
        for call, _ in left:
            call.cancel()
        later = ask(cache, queue, [[5, 5]])[1]  # not put on the run that was given up
        assert values(await later) == [20.0]

    run(scenario)
    assert runtime.batches == [1, 1]


def test_runs_that_all_have_left_are_forgotten_waiting_or_running() -> None:
    runtime = Gated()

    async def scenario() -> None:
        cache, queue = Cache(1 << 20), batcher(runtime, dear())
        gone = [ask(cache, queue, [[i, 0]])[0] for i in range(50)]
        await asyncio.to_thread(runtime.entered.wait, 30)
        gone += [ask(cache, queue, [[i, 1]])[0] for i in range(50)]
        assert len(cache._flights) == 100
        for call in gone:
            call.cancel()
        assert not cache._flights
        runtime.gate.set()
        assert values(await ask(cache, queue)[1]) == [6.0]
        assert not cache._flights

    run(scenario)


def test_a_caller_whose_answer_cannot_be_delivered_takes_it_from_nobody() -> None:
    async def scenario() -> None:
        cache, queue = Cache(1 << 20), batcher(Doubling())

        def fails(outcome: Answer | Exception) -> None:
            raise OSError("gone")

        cache.submit(key(ROW), Call({"X": ROW}, 1, fails), 60.0, queue.submit)
        assert values(await ask(cache, queue)[1]) == [6.0]
        assert ask(cache, queue)[1].done()

    run(scenario)


def test_a_shared_run_is_wanted_until_the_last_of_its_callers_deadlines() -> None:
    runtime, clock = Doubling(), Clock()

    async def scenario() -> None:
        cache, queue = Cache(1 << 20, clock=clock), batcher(runtime, clock=clock)
        hasty = ask(cache, queue, deadline=101.0)
        patient = ask(cache, queue, deadline=110.0)
        clock.now = 105.0
        hasty[0].cancel()  # as its own timer does
        assert values(await patient[1]) == [6.0]

    run(scenario)
    assert runtime.batches == [1]


def test_who_comes_after_a_runs_deadline_has_one_of_its_own() -> None:
    runtime, clock = Doubling(), Clock()

    async def scenario() -> None:
        cache, queue = Cache(1 << 20, clock=clock), batcher(runtime, clock=clock)
        late = ask(cache, queue, deadline=101.0)[1]
        clock.now = 101.0
        in_time = ask(cache, queue, deadline=110.0)[1]
        with pytest.raises(DeadlineExceeded):
            await late
        assert values(await in_time) == [6.0]

    run(scenario)
    assert runtime.batches == [1]


def test_a_failure_is_told_to_all_who_wait_and_is_not_kept() -> None:
    runtime = Poisonable()

    async def scenario() -> None:
        cache, queue = Cache(1 << 20), batcher(runtime)
        for future in [ask(cache, queue, [[666, 0]])[1] for _ in range(3)]:
            with pytest.raises(InferenceFailed):
                await future
        with pytest.raises(InferenceFailed):
            await ask(cache, queue, [[666, 0]])[1]
        assert cache.size_bytes == 0

    run(scenario)


def test_who_finds_the_queue_full_leaves_no_run_that_others_would_wait_for() -> None:
    runtime = Gated()

    async def scenario() -> None:
        cache, queue = Cache(1 << 20), batcher(runtime, dear(), max_queue_rows=1)
        running = ask(cache, queue, [[0, 0]])[1]
        await asyncio.to_thread(runtime.entered.wait, 30)
        waiting = ask(cache, queue, [[0, 1]])[1]
        for _ in range(2):
            with pytest.raises(Overloaded):
                ask(cache, queue)
        runtime.gate.set()
        assert [values(await each) for each in (running, waiting)] == [[0.0], [2.0]]
        assert values(await ask(cache, queue)[1]) == [6.0]

    run(scenario)


def test_an_answer_is_kept_for_its_time_and_no_longer() -> None:
    runtime, clock = Doubling(), Clock()

    async def scenario() -> None:
        cache, queue = Cache(1 << 20, clock=clock), batcher(runtime, clock=clock)
        await ask(cache, queue, ttl_s=5.0)[1]
        clock.now += 4.9
        assert ask(cache, queue)[1].done()  # it does not begin anew by being asked for
        clock.now += 0.1
        assert values(await ask(cache, queue)[1]) == [6.0]

    run(scenario)
    assert runtime.batches == [1, 1]


def test_another_version_never_answers_from_what_its_predecessor_was_asked() -> None:
    runtime = Doubling()

    async def scenario() -> None:
        cache, queue = Cache(1 << 20), batcher(runtime)
        for version in ("1", "2", "1", "2"):
            await ask(cache, queue, version=version)[1]

    run(scenario)
    assert runtime.batches == [1, 1]


def test_it_holds_no_more_bytes_than_it_may_and_what_was_asked_last_stays() -> None:
    most = 20_000

    async def scenario() -> None:
        cache, queue = Cache(most), batcher(Doubling())
        for i in range(200):
            await ask(cache, queue, [[i, 0]])[1]
            assert ask(cache, queue, [[0, 0]])[1].done() or i == 0
            assert cache.size_bytes <= most
        assert cache.size_bytes > most / 2
        assert not ask(cache, queue, [[1, 0]])[1].done()

    run(scenario)


def test_what_nobody_asks_for_goes_when_its_time_is_over_though_there_is_room() -> None:
    clock = Clock()

    async def scenario() -> None:
        cache, queue = Cache(1 << 20, clock=clock), batcher(Doubling(), clock=clock)
        await ask(cache, queue)[1]
        one = cache.size_bytes
        for i in range(9):
            await ask(cache, queue, [[i, 0]])[1]
        clock.now += 60.0
        for i in range(2):  # a few go each time: all at once would stop the loop
            await ask(cache, queue, [[i, 1]])[1]
        assert cache.size_bytes == 2 * one

    run(scenario)


def test_an_answer_as_large_as_the_cache_is_not_kept() -> None:
    async def scenario() -> None:
        cache, queue = Cache(20_000), batcher(Doubling())
        await ask(cache, queue)[1]
        held = cache.size_bytes
        await ask(cache, queue, [[i, i] for i in range(500)])[1]
        assert cache.size_bytes == held

    run(scenario)


def test_nothing_is_kept_where_there_is_no_room_at_all() -> None:
    runtime = Doubling()

    async def scenario() -> None:
        cache, queue = Cache(0), batcher(runtime)
        for _ in range(2):
            assert values(await ask(cache, queue)[1]) == [6.0]

    run(scenario)
    assert runtime.batches == [1, 1]
