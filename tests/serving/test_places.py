"""Who waits, and for how many there is room."""

import asyncio
import gc
import weakref
from concurrent.futures import ThreadPoolExecutor

import pytest

from modelregistry.audience import PUBLIC
from predictions.serving.batcher import Batcher, Policy
from predictions.serving.calls import Call
from predictions.serving.engine import Engine, Identity, Loaded
from predictions.serving.errors import InferenceFailed, Overloaded
from predictions.serving.per_version import PerVersion
from tests.serving.models import CHEAP, Doubling, Gated, Poisonable, dear
from tests.serving.submitting import EXECUTOR, batcher, run, submit, values


def loaded(runtime: Doubling, version: int = 1) -> Loaded:
    identity = Identity(
        model="sums",
        version=version,
        version_id=version,
        task="regression",
        audience=PUBLIC,
        framework="onnx",
        artifact_sha256="",
        source_sha256=None,
    )
    cost = dear() if isinstance(runtime, Gated) else CHEAP
    return Loaded(identity, runtime, example=(1, 1), cost=cost, executor=EXECUTOR)


async def held(queue: Batcher, runtime: Gated) -> "asyncio.Future[object]":
    """Somebody's batch that runs until the gate opens: whoever comes has to wait."""
    first = submit(queue, [[0, 0]])[1]
    await asyncio.to_thread(runtime.entered.wait, 30)
    return first


def test_all_callers_of_a_version_wait_in_the_same_places() -> None:
    runtime = Gated()

    async def scenario() -> None:
        version, policy = loaded(runtime), Policy(max_queue_rows=4)
        values_of, negatives_of = (
            version.batcher((name,), policy) for name in ("value", "negative")
        )
        first = await held(values_of, runtime)
        waiting = [submit(values_of, [[1, 0]])[1] for _ in range(3)]
        other = submit(negatives_of, [[2, 0]])[1]
        for queue in (values_of, negatives_of):
            with pytest.raises(Overloaded):
                submit(queue, [[1, 0]])
        runtime.gate.set()
        await asyncio.gather(first, *waiting)
        assert values(await other) == [-4.0]
        assert values(await submit(negatives_of, [[3, 0]])[1]) == [-6.0]

    run(scenario)


def test_whoever_leaves_frees_a_place_and_is_forgotten() -> None:
    runtime = Gated()

    async def scenario() -> None:
        queue = batcher(runtime, dear(), max_queue_rows=4)
        first = await held(queue, runtime)
        staying = [submit(queue, [[i, 0]])[1] for i in (1, 2, 3)]
        kept = calls_in_memory()
        for _ in range(1000):
            submit(queue, [[9, 0]])[0].cancel()
        assert calls_in_memory() - kept < 20
        last = submit(queue, [[4, 0]])[1]
        with pytest.raises(Overloaded):
            submit(queue, [[5, 0]])
        runtime.gate.set()
        await first
        assert [values(await each) for each in (*staying, last)] == [[2.0], [4.0], [6.0], [8.0]]

    run(scenario)
    assert runtime.batches == [1, 4]


def calls_in_memory() -> int:
    gc.collect()
    return sum(type(each) is Call for each in gc.get_objects())  # proxies say they are others


def test_the_rest_of_a_large_request_whose_caller_has_left_frees_its_place() -> None:
    runtime = Gated()

    async def scenario() -> None:
        queue = batcher(runtime, dear(), max_batch_rows=4, max_queue_rows=4)
        large, never = submit(queue, [[7, 0]] * 12)
        await asyncio.to_thread(runtime.entered.wait, 30)
        with pytest.raises(Overloaded):
            submit(queue, [[1, 0]])
        large.cancel()
        newcomers = [submit(queue, [[i, 0]])[1] for i in range(4)]
        runtime.gate.set()
        assert [values(await each) for each in newcomers] == [[0.0], [2.0], [4.0], [6.0]]
        assert not never.done()

    run(scenario)
    assert runtime.batches == [4, 4]


def test_callers_of_other_outputs_and_of_other_versions_get_their_own() -> None:
    first, second = Doubling(), Tripling()

    async def scenario() -> None:
        versions, policy = (loaded(first), loaded(second, version=2)), Policy()
        queues = [v.batcher((name,), policy) for v in versions for name in ("value", "negative")]
        fates = [submit(queue, [[i, 0]])[1] for i in range(1, 4) for queue in queues]
        answers = [values(await each) for each in fates]
        assert answers == [[by * i] for i in range(1, 4) for by in (2.0, -2.0, 3.0, -3.0)]

    run(scenario)
    assert first.batches == second.batches == [3, 3]


class Tripling(Doubling):
    def run(self, inputs, outputs):  # type: ignore[no-untyped-def]
        return [tensor * 1.5 for tensor in super().run(inputs, outputs)]


class Counting(ThreadPoolExecutor):
    submitted = 0

    def submit(self, *work, **more):  # type: ignore[no-untyped-def]
        self.submitted += 1
        return super().submit(*work, **more)


def test_one_dear_batch_of_a_batcher_is_in_the_executor_at_a_time() -> None:
    runtime = Gated()

    async def scenario() -> None:
        with Counting(2) as executor:
            queue = batcher(runtime, dear(), executor=executor)
            first = await held(queue, runtime)
            waiting = [submit(queue, [[i, 0]])[1] for i in (1, 2)]
            await asyncio.sleep(0)  # their turn, if they had one
            submitted = executor.submitted
            runtime.gate.set()
            await first
            assert [values(await each) for each in waiting] == [[2.0], [4.0]]
            assert (submitted, executor.submitted) == (1, 2)

    run(scenario)


def test_what_is_left_of_a_failed_request_frees_its_place() -> None:
    async def scenario() -> None:
        queue = batcher(Poisonable(), max_batch_rows=4, max_queue_rows=4)
        for _ in range(3):
            with pytest.raises(InferenceFailed):
                await submit(queue, [[666, 0]] * 12)[1]
        newcomers = [submit(queue, [[i, 0]])[1] for i in range(4)]
        assert [values(await each) for each in newcomers] == [[0.0], [2.0], [4.0], [6.0]]

    run(scenario)


def test_what_is_made_for_a_version_is_made_once_and_gone_with_it() -> None:
    made: list[int] = []
    per_version = PerVersion(
        lambda version: made.append(version.identity.version) or [version.identity.version]
    )
    engine = Engine()
    engine.swap(loaded(Doubling()))
    before = engine.live("sums")
    assert per_version.of(before) is per_version.of(before)
    engine.swap(loaded(Doubling(), version=2))
    assert per_version.of(before) == [1]  # a request that is under way
    assert per_version.of(engine.live("sums")) == [2]
    assert made == [1, 2]
    old = weakref.ref(before)
    del before
    assert old() is None
