"""What the lane counts of a model: every request once, by what became of it."""

import asyncio
import random
from collections import Counter

import pytest

from modelregistry.audience import PUBLIC
from predictions.lane.collaborators import Reply
from predictions.serving.batcher import Policy
from predictions.serving.counts import Counts, Distribution
from predictions.serving.engine import Addressed
from tests.lane.house import House, loaded
from tests.serving.models import Doubling, Gated, dear

ROW, NATIVE = {"features": [1, 2]}, "/api/v1/models/m/predict"
BODY = b'{"features": [1, 2]}'


def house_of(runtime: Doubling, **served: object) -> tuple[House, Counts]:
    """As a serving process has it: a model's versions share the engine's counts."""
    house = House()
    counts = house.engine.counts_of("m")
    house.engine.swap(loaded(runtime, counts=counts, **served))  # type: ignore[arg-type]
    return house, counts


def count(values: Distribution) -> int:
    return sum(values.buckets)


def ends(counts: Counts) -> tuple[int, int, int]:
    return counts.rejected, counts.expired, counts.cancelled


async def test_every_answer_was_queued_and_encoded_and_all_shared_a_run() -> None:
    house, counts = house_of(Doubling())
    await asyncio.gather(*[house.ask(ROW) for _ in range(64)])
    assert (count(counts.queue), count(counts.encode)) == (64, 64)
    assert (count(counts.batch_rows), counts.batch_rows.total) == (1, 64)
    assert (count(counts.assembly), count(counts.inference)) == (1, 1)
    assert ends(counts) == (0, 0, 0)


async def test_what_is_wrong_in_itself_never_counts_as_queued() -> None:
    house, counts = house_of(Doubling())
    await house.ask({})
    await house.ask(ROW, authorization="Bearer bad")
    await house.ask(ROW, method="GET")
    assert (count(counts.queue), count(counts.encode)) == (0, 0)
    assert ends(counts) == (0, 0, 0)


async def test_a_full_queue_counts_those_it_refuses() -> None:
    runtime = Gated()
    house, counts = house_of(runtime, cost=dear(), policy=Policy(max_queue_rows=2))
    asking = [asyncio.ensure_future(house.ask(ROW)) for _ in range(5)]
    await asyncio.to_thread(runtime.entered.wait, 30)
    runtime.gate.set()
    answers = await asyncio.gather(*asking)
    assert sum(answer.get("error") == "Overloaded" for _, answer in answers) == 3
    assert ends(counts) == (3, 0, 0)
    assert count(counts.queue) == count(counts.encode) == 2


async def test_those_who_are_late_are_counted_once_running_or_waiting() -> None:
    runtime = Gated()
    house, counts = house_of(runtime, cost=dear())
    running = asyncio.ensure_future(house.ask(ROW, request_timeout="0.5"))
    await asyncio.to_thread(runtime.entered.wait, 30)
    waiting = house.ask(ROW, request_timeout="0.1")
    late = await asyncio.gather(running, waiting)
    assert [answer["error"] for _, answer in late] == ["DeadlineExceeded"] * 2
    runtime.gate.set()
    await house.ask(ROW)  # runs after the run nobody waits for, whose rows have waited before it
    assert ends(counts) == (0, 2, 0)
    assert (count(counts.queue), count(counts.encode)) == (2, 1)


async def test_what_the_batcher_finds_late_is_counted_once() -> None:
    house, counts = house_of(Doubling())
    answers = await asyncio.gather(*[house.ask(ROW, request_timeout="0.0000001") for _ in range(9)])
    assert [answer["error"] for _, answer in answers] == ["DeadlineExceeded"] * 9
    assert ends(counts) == (0, 9, 0)


async def test_a_client_that_leaves_is_counted_once() -> None:
    house, counts = house_of(Doubling())
    replies: list[Reply] = []
    target = house.lane.target("/predict-async")
    assert target is not None
    exchange = house.lane.handle(target, "POST", {}, BODY, replies.append)
    exchange.cancel()
    exchange.cancel()
    answered = house.lane.handle(target, "POST", {}, BODY, replies.append)
    while not replies:
        await asyncio.sleep(0)
    answered.cancel()
    assert ends(counts) == (0, 0, 1)
    assert (count(counts.queue), count(counts.encode), counts.waiting_rows) == (1, 1, 0)


async def test_kept_answers_are_counted_by_whether_they_needed_a_run() -> None:
    house, counts = house_of(Doubling(), cache_ttl_s=60.0)
    await asyncio.gather(*[house.ask(ROW) for _ in range(3)])  # one run for all of them
    await house.ask(ROW)
    await house.ask({"features": [3, 4]})
    assert (counts.cache_hits, counts.cache_misses) == (3, 2)
    assert (count(counts.queue), counts.batch_rows.total, count(counts.encode)) == (2, 2, 5)


async def test_where_no_answers_are_kept_no_look_up_is_counted() -> None:
    house, counts = house_of(Doubling())
    await house.ask(ROW)
    assert (counts.cache_hits, counts.cache_misses) == (0, 0)


async def test_no_swap_loses_what_the_version_before_it_still_does() -> None:
    runtime = Gated()
    house, counts = house_of(runtime, cost=dear())
    asking = asyncio.ensure_future(house.ask({"rows": [[1, 2]] * 3}, path=NATIVE))
    await asyncio.to_thread(runtime.entered.wait, 30)
    house.engine.swap(loaded(Doubling(), version=2, counts=house.engine.counts_of("m")))
    assert (await house.ask({"rows": [[1, 2]]}, path=NATIVE))[1]["version"] == 2
    runtime.gate.set()
    assert (await asking)[1]["version"] == 1
    assert (count(counts.queue), count(counts.encode), counts.batch_rows.total) == (2, 2, 4)
    assert house.engine.counted() == {"m": counts}


@pytest.mark.parametrize("address", ["m/versions/2", "m@next"])
async def test_a_version_that_is_being_loaded_counts_for_its_model(address: str) -> None:
    house, counts = house_of(Doubling())
    known = {address: Addressed(2, PUBLIC)}
    house.engine.settle(servable=frozenset({"m"}), known=known, lent={})
    path = f"/api/v1/models/{address}/predict"
    _, answer = await house.ask({"rows": [[1, 2]]}, path=path, request_timeout="0.001")
    assert answer["error"] == "DeadlineExceeded"
    assert ends(counts) == (0, 1, 0)
    assert house.engine.counted() == {"m": counts}


@pytest.mark.parametrize("address", ["ghost", "ghost/versions/1", "ghost@champion", "m/versions/9"])
async def test_a_name_that_is_not_registered_is_never_counted(address: str) -> None:
    house, counts = house_of(Doubling())
    house.engine.settle(servable=frozenset({"m"}), known={}, lent={})
    path, slow = f"/api/v1/models/{address}/predict", "Bearer slow"
    assert (await house.ask({"rows": [[1, 2]]}, path=path))[1]["error"] == "UnknownModel"
    late = await house.ask({}, path=path, authorization=slow, request_timeout="0.001")
    assert late[1]["error"] == "DeadlineExceeded"
    assert house.engine.counted() == {"m": counts}
    assert ends(counts) == (0, 0, 0)


async def test_whatever_becomes_of_a_request_it_is_counted_once() -> None:
    """Clients that leave, are late or too many, at random: the counts are what they were told."""
    chance = random.Random(5)
    house, counts = house_of(Doubling(), policy=Policy(max_queue_rows=12, max_batch_rows=4))
    target = house.lane.target("/predict-async")
    assert target is not None
    told: list[Reply] = []
    left = 0
    for _ in range(400):
        for _ in range(chance.randrange(16)):
            late = {b"request-timeout": b"0.0000001"} if chance.random() < 0.2 else {}
            exchange = house.lane.handle(target, "POST", late, BODY, told.append)
            if chance.random() < 0.2 and not exchange.closed:
                exchange.cancel()
                left += 1
        await asyncio.sleep(0)
    while len(told) + left < len(house.meter.ended) + house.meter.in_flight:
        await asyncio.sleep(0)
    by_name = Counter("answered" if status == 200 else body for status, _, body in told)
    errors = {name.decode().split('"')[3]: n for name, n in by_name.items() if name != "answered"}
    assert set(errors) == {"Overloaded", "DeadlineExceeded"}
    assert ends(counts) == (errors["Overloaded"], errors["DeadlineExceeded"], left)
    assert count(counts.queue) == count(counts.encode) == by_name["answered"] > 0
    assert counts.batch_rows.total == by_name["answered"]
    assert counts.waiting_rows == 0
