"""The batcher's laws, one by one."""

import asyncio

import numpy as np
import pytest

from modelregistry.formats.runtime import RowsRefused
from predictions.serving.calls import Answer, Call
from predictions.serving.cost import Cost
from predictions.serving.engine import run_unbatched
from predictions.serving.errors import InferenceFailed, NotFinite, Overloaded
from tests.serving.models import CHEAP, Doubling, Gated, Picky, Poisonable, dear
from tests.serving.submitting import batcher, run, submit, values


def test_callers_that_arrive_together_share_one_run() -> None:
    runtime = Doubling()

    async def scenario() -> None:
        queue = batcher(runtime)
        futures = [submit(queue, [[i, 1]])[1] for i in range(10)]
        answers = await asyncio.gather(*futures)
        assert [values(a) for a in answers] == [[2.0 * (i + 1)] for i in range(10)]
        assert {a.batch_rows for a in answers} == {10}

    run(scenario)
    assert runtime.batches == [10]


def test_a_lone_caller_does_not_wait() -> None:
    async def scenario() -> None:
        _, future = submit(batcher(Doubling()), [[1, 2]])
        await asyncio.sleep(0)
        assert future.done()

    run(scenario)


def test_limits_count_rows_not_requests() -> None:
    runtime = Doubling()

    async def scenario() -> None:
        queue = batcher(runtime, max_batch_rows=8)
        await asyncio.gather(*[submit(queue, [[i, 0]] * 3)[1] for i in range(5)])

    run(scenario)
    assert runtime.batches == [6, 6, 3]


def test_a_request_larger_than_a_batch_runs_in_slices_and_its_neighbours_are_answered() -> None:
    runtime = Doubling()

    async def scenario() -> None:
        queue = batcher(runtime, max_batch_rows=8)
        before = submit(queue, [[100, 0]])[1]
        large = submit(queue, [[i, 0] for i in range(20)])[1]
        after = submit(queue, [[200, 0]])[1]
        assert values(await large) == [2.0 * i for i in range(20)]
        assert values(await before) == [200.0]
        assert values(await after) == [400.0]

    run(scenario)
    assert runtime.batches == [1, 8, 1, 8, 4]


def test_a_request_larger_than_the_queue_is_admitted_when_it_is_empty() -> None:
    async def scenario() -> None:
        for rows in (8, 64):  # in slices, and at once
            queue = batcher(Doubling(), max_batch_rows=rows, max_queue_rows=10)
            assert len(values(await submit(queue, [[1, 1]] * 50)[1])) == 50

    run(scenario)


def test_a_full_queue_is_refused_at_once() -> None:
    async def scenario() -> None:
        queue = batcher(Doubling(), max_queue_rows=4)
        accepted = [submit(queue, [[1, 1]])[1] for _ in range(4)]
        with pytest.raises(Overloaded):
            submit(queue, [[1, 1]])
        assert len(await asyncio.gather(*accepted)) == 4

    run(scenario)


def test_a_cancelled_caller_is_skipped_and_frees_its_place() -> None:
    runtime = Doubling()

    async def scenario() -> None:
        queue = batcher(runtime, max_queue_rows=3)
        calls = [submit(queue, [[i, 0]]) for i in range(3)]
        calls[1][0].cancel()
        newcomer = submit(queue, [[9, 0]])[1]
        assert values(await calls[0][1]) == [0.0]
        assert values(await calls[2][1]) == [4.0]
        assert values(await newcomer) == [18.0]
        assert not calls[1][1].done()

    run(scenario)
    assert runtime.batches == [3]


def test_when_all_callers_are_gone_the_model_does_not_run() -> None:
    runtime = Doubling()

    async def scenario() -> None:
        queue = batcher(runtime)
        for call, _ in [submit(queue, [[1, 1]]) for _ in range(5)]:
            call.cancel()
        assert values(await submit(queue, [[1, 1]])[1]) == [4.0]

    run(scenario)
    assert runtime.batches == [1]


def test_an_exception_fails_its_batch_only() -> None:
    runtime = Poisonable()

    async def scenario() -> None:
        queue = batcher(runtime, max_batch_rows=2)
        fates = [submit(queue, [[row, 0]])[1] for row in (1, 666, 2, 3)]
        outcomes = await asyncio.gather(*fates, return_exceptions=True)
        assert [type(o) for o in outcomes] == [InferenceFailed, InferenceFailed, Answer, Answer]
        assert values(await submit(queue, [[5, 0]])[1]) == [10.0]

    run(scenario)


def test_a_failing_slice_fails_its_large_request_once() -> None:
    async def scenario() -> None:
        queue = batcher(Poisonable(), max_batch_rows=4)
        _, future = submit(queue, [[1, 0]] * 5 + [[666, 0]] + [[1, 0]] * 6)
        with pytest.raises(InferenceFailed):
            await future
        assert values(await submit(queue, [[5, 0]])[1]) == [10.0]

    run(scenario)


def test_a_row_the_model_refuses_fails_its_own_caller_and_no_neighbour() -> None:
    async def scenario() -> None:
        queue = batcher(Picky())
        fates = [submit(queue, [[row, 0]])[1] for row in (1, 666, 2)]
        outcomes = await asyncio.gather(*fates, return_exceptions=True)
        assert [type(outcome) for outcome in outcomes] == [Answer, RowsRefused, Answer]
        assert [values(outcomes[0]), values(outcomes[2])] == [[2.0], [4.0]]

    run(scenario)


def test_a_caller_whose_delivery_raises_does_not_harm_its_neighbours() -> None:
    def broken(_: Answer | Exception) -> None:
        raise ConnectionError("gone")

    async def scenario() -> None:
        queue = batcher(Doubling())
        queue.submit(Call({"X": [[1, 1]]}, 1, broken))
        assert values(await submit(queue, [[2, 2]])[1]) == [8.0]

    run(scenario)


def test_a_dear_batch_runs_in_a_thread_and_gathers_those_who_arrive_meanwhile() -> None:
    runtime = Gated()

    async def scenario() -> None:
        queue = batcher(runtime, dear())
        first = submit(queue, [[1, 0]])[1]
        await asyncio.to_thread(runtime.entered.wait, 30)
        later = [submit(queue, [[i, 0]])[1] for i in range(2, 6)]
        runtime.gate.set()
        answers = await asyncio.gather(first, *later)
        assert [values(a) for a in answers] == [[2.0 * i] for i in range(1, 6)]

    run(scenario)
    assert runtime.batches == [1, 4]


def test_a_caller_that_leaves_while_its_batch_runs_is_not_answered() -> None:
    runtime = Gated()

    async def scenario() -> None:
        queue = batcher(runtime, dear())
        call, future = submit(queue, [[1, 0]])
        await asyncio.to_thread(runtime.entered.wait, 30)
        call.cancel()
        neighbour = submit(queue, [[3, 0]])[1]
        runtime.gate.set()
        assert values(await neighbour) == [6.0]
        assert not future.done()

    run(scenario)


def test_with_a_waiting_time_a_full_batch_does_not_wait_for_it() -> None:
    runtime = Doubling()

    async def scenario() -> None:
        queue = batcher(runtime, max_batch_rows=4, max_wait_s=1000)
        await asyncio.gather(*[submit(queue, [[i, 0]])[1] for i in range(4)])

    run(scenario)
    assert runtime.batches == [4]


def test_with_a_waiting_time_callers_of_different_turns_are_batched() -> None:
    runtime = Doubling()

    async def scenario() -> None:
        queue = batcher(runtime, max_batch_rows=5, max_wait_s=1000)
        futures = []
        for i in range(5):
            futures.append(submit(queue, [[i, 0]])[1])
            await asyncio.sleep(0)
        await asyncio.gather(*futures)

    run(scenario)
    assert runtime.batches == [5]


def test_a_model_that_returns_too_few_rows_fails_instead_of_mixing_callers_up() -> None:
    class Short(Doubling):
        def run(self, inputs, outputs):  # type: ignore[no-untyped-def]
            return [tensor[:-1] for tensor in super().run(inputs, outputs)]

    async def scenario() -> None:
        queue = batcher(Short())
        fates = [submit(queue, [[i, 0]])[1] for i in range(3)]
        outcomes = await asyncio.gather(*fates, return_exceptions=True)
        assert {type(outcome) for outcome in outcomes} == {InferenceFailed}

    run(scenario)


@pytest.mark.parametrize("end", [SystemExit, asyncio.CancelledError, GeneratorExit])
@pytest.mark.parametrize("cost", [CHEAP, dear()], ids=["in the loop's thread", "in another"])
def test_whatever_a_model_raises_fails_its_batch_and_no_later_one(
    cost: Cost, end: type[BaseException]
) -> None:
    class Ending(Doubling):
        def run(self, inputs, outputs):  # type: ignore[no-untyped-def]
            if inputs["X"][0, 0] == 666:
                raise end
            return super().run(inputs, outputs)

    async def scenario() -> None:
        queue = batcher(Ending(), cost)
        with pytest.raises(InferenceFailed):
            await submit(queue, [[666, 0]])[1]
        assert values(await submit(queue, [[5, 0]])[1]) == [10.0]

    run(scenario)


def test_slices_that_cannot_be_joined_fail_their_caller() -> None:
    class Changing(Doubling):
        def run(self, inputs, outputs):  # type: ignore[no-untyped-def]
            tensors = super().run(inputs, outputs)
            return (
                [tensor.reshape(-1, 1) for tensor in tensors] if len(self.batches) > 1 else tensors
            )

    async def scenario() -> None:
        with pytest.raises(InferenceFailed):
            await submit(batcher(Changing(), max_batch_rows=4), [[1, 1]] * 8)[1]

    run(scenario)


def test_an_answer_that_is_not_finite_is_its_own_callers_alone() -> None:
    class Dividing(Doubling):
        def run(self, inputs, outputs):  # type: ignore[no-untyped-def]
            with np.errstate(divide="ignore"):
                return [1 / inputs["X"][:, 0]]

    async def scenario() -> None:
        queue = batcher(Dividing())
        fine, infinite = submit(queue, [[2, 0]])[1], submit(queue, [[1, 0], [0, 0]])[1]
        assert values(await fine) == [0.5]
        with pytest.raises(NotFinite):
            values(await infinite)

    run(scenario)


def test_nor_does_it_end_a_thread_of_djangos() -> None:
    class Ending(Doubling):
        def run(self, inputs, outputs):  # type: ignore[no-untyped-def]
            raise SystemExit

    with pytest.raises(InferenceFailed):
        run_unbatched(Ending(), {"X": [[1, 1]]}, ["value"])
