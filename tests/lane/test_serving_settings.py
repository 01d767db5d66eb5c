"""How a model's callers are served is the model's to say: batches, waiting, places, deadlines."""

import asyncio

import pytest

from predictions.lane.routes import waiting
from predictions.serving.batcher import Policy
from tests.lane.house import House, loaded
from tests.serving.models import Doubling, Gated, dear

NATIVE = "/api/v1/models/m/predict"
ROW = {"features": [1, 2]}


@pytest.mark.parametrize("path", ["/predict-async", "/predict-batched"])
async def test_no_batch_has_more_rows_than_the_model_allows(path: str) -> None:
    runtime = Doubling()
    house = House(loaded(runtime, policy=Policy(max_batch_rows=3)))
    answers = await asyncio.gather(*[house.ask(ROW, path=path) for _ in range(7)])
    assert [status for status, _ in answers] == [200] * 7
    assert runtime.batches == [3, 3, 1]


async def test_rows_wait_for_company_where_the_model_says_so() -> None:
    runtime = Doubling()
    house = House(loaded(runtime, policy=Policy(max_batch_rows=2, max_wait_s=60.0)))
    first = asyncio.ensure_future(house.ask({"rows": [[1, 2]]}, path=NATIVE))
    await asyncio.sleep(0)
    assert not first.done()
    await house.ask({"rows": [[3, 4]]}, path=NATIVE)  # a full batch waits no longer
    assert (await first)[0] == 200
    assert runtime.batches == [2]


async def test_no_more_rows_wait_than_the_model_has_places_for() -> None:
    runtime = Gated()
    house = House(loaded(runtime, cost=dear(), policy=Policy(max_queue_rows=2, max_batch_rows=1)))
    asking = [asyncio.ensure_future(house.ask(ROW)) for _ in range(4)]
    await asyncio.to_thread(runtime.entered.wait, 30)
    refused = [task for task in asking if task.done()]
    runtime.gate.set()
    answers = await asyncio.gather(*asking)
    assert len(refused) == sum(a.get("error") == "Overloaded" for _, a in answers) == 2


async def test_where_no_row_more_may_wait_no_body_is_read() -> None:
    runtime = Gated()
    house = House(loaded(runtime, cost=dear(), policy=Policy(max_queue_rows=1)))
    running = asyncio.ensure_future(house.ask(ROW))
    await asyncio.to_thread(runtime.entered.wait, 30)
    waiting = asyncio.ensure_future(house.ask(ROW))
    await asyncio.sleep(0)
    assert (await house.ask({"features": "not rows"}))[1]["error"] == "Overloaded"
    runtime.gate.set()
    assert [status for status, _ in await asyncio.gather(running, waiting)] == [200, 200]


async def test_a_request_without_a_time_of_its_own_has_the_models() -> None:
    runtime = Gated()
    house = House(loaded(runtime, cost=dear(), deadline_s=0.05))
    assert (await house.ask(ROW))[1]["error"] == "DeadlineExceeded"
    longer = asyncio.ensure_future(house.ask(ROW, request_timeout="60"))
    await asyncio.to_thread(runtime.entered.wait, 30)
    runtime.gate.set()
    assert (await longer)[0] == 200


def test_those_who_wait_for_company_wait_as_the_model_says_or_a_little() -> None:
    assert waiting(Policy()) == Policy(max_batch_rows=32, max_wait_s=0.005)
    own = Policy(max_batch_rows=8, max_wait_s=0.05, max_queue_rows=9)
    assert waiting(own) == own
