"""The data plane without any server: who may ask, what is answered, what is counted."""

import asyncio
import gc
import time

import pytest

from predictions.lane.collaborators import Reply
from predictions.lane.exchange import LARGE_BODY, Exchange
from tests.lane.house import CALLER, House, loaded
from tests.serving.models import Doubling, Gated, Poisonable, dear


async def test_an_answer_carries_the_models_value_and_is_counted() -> None:
    house = House(loaded(Doubling()))
    status, answer = await house.ask({"features": [1, 2]})
    assert (status, answer["prediction"], answer["mode"]) == (200, 6.0, "asynchronous")
    assert house.meter.ended == [("/predict-async", True)]
    assert house.meter.in_flight == 0


async def test_a_refusal_is_counted_as_an_error() -> None:
    house = House(loaded(Doubling()))
    assert await house.ask({}) == (400, {"error": "WrongInput", "request_id": "made"})
    assert house.meter.ended == [("/predict-async", False)]
    assert house.meter.in_flight == 0


async def test_before_the_registry_was_read_nothing_is_ready_and_later_it_is_unknown() -> None:
    assert (await House(settled=False).ask({}))[1]["error"] == "NotReady"
    assert (await House().ask({}))[1]["error"] == "UnknownModel"


async def test_a_model_that_is_not_public_is_unknown_to_those_without_a_key() -> None:
    house = House(loaded(Doubling(), public=False))
    assert (await house.ask({"features": [1, 2]}))[1]["error"] == "UnknownModel"
    assert (await house.ask({"features": [1, 2]}, authorization="Bearer good"))[0] == 200


async def test_a_wrong_key_is_refused_on_public_models_too() -> None:
    house = House(loaded(Doubling()))
    _, answer = await house.ask({"features": [1, 2]}, authorization="Bearer bad")
    assert answer["error"] == "Unauthenticated"


async def test_a_key_that_has_to_be_looked_up_is_waited_for() -> None:
    house = House(loaded(Doubling(), public=False))
    asking = asyncio.ensure_future(house.ask({"features": [1, 2]}, authorization="Bearer slow"))
    while not house.waiting_keys:
        await asyncio.sleep(0)
    assert not asking.done()
    house.waiting_keys.pop()(CALLER)
    assert (await asking)[1]["prediction"] == 6.0


async def test_one_wrong_row_among_many_callers_changes_nobody_elses_answer() -> None:
    runtime = Doubling()
    house = House(loaded(runtime))
    bodies = [{"features": [i, 0]} for i in range(63)]
    bodies.insert(30, {"features": ["x", 0]})
    answers = await asyncio.gather(*[house.ask(body) for body in bodies])
    refused = answers.pop(30)
    assert refused[1]["error"] == "WrongInput"
    assert [answer["prediction"] for _, answer in answers] == [2.0 * i for i in range(63)]
    assert runtime.batches == [63]


async def test_callers_who_ask_for_other_outputs_get_their_own() -> None:
    house = House(loaded(Doubling()))
    path = "/api/v1/models/m/predict"
    plain, chosen = await asyncio.gather(
        house.ask({"rows": [[1, 2]]}, path=path),
        house.ask({"rows": [[1, 2]], "outputs": ["negative"]}, path=path),
    )
    assert plain[1]["predictions"] == [6.0]
    assert chosen[1]["outputs"] == {"negative": [-6.0]}


async def test_a_swapped_version_answers_from_the_next_request_on() -> None:
    house = House(loaded(Doubling()))
    path = "/api/v1/models/m/predict"
    assert (await house.ask({"rows": [[1, 2]]}, path=path))[1]["version"] == 1
    house.engine.swap(loaded(Doubling(), version=2))
    assert (await house.ask({"rows": [[1, 2]]}, path=path))[1]["version"] == 2


async def test_a_request_under_way_ends_on_the_version_it_began_with() -> None:
    runtime = Gated()
    house = House(loaded(runtime, cost=dear()))
    path = "/api/v1/models/m/predict"
    asking = asyncio.ensure_future(house.ask({"rows": [[1, 2]]}, path=path))
    while not runtime.entered.is_set():
        await asyncio.sleep(0)
    house.engine.swap(loaded(Doubling(), version=2))
    assert (await house.ask({"rows": [[1, 2]]}, path=path))[1]["version"] == 2
    runtime.gate.set()
    assert (await asking)[1]["version"] == 1


async def test_a_model_that_raises_fails_its_callers_and_answers_the_next() -> None:
    house = House(loaded(Poisonable()))
    assert (await house.ask({"features": [666, 0]}))[1]["error"] == "InferenceFailed"
    assert (await house.ask({"features": [1, 0]}))[1]["prediction"] == 2.0


async def test_a_cancelled_request_is_neither_run_nor_answered_but_counted() -> None:
    runtime = Doubling()
    house = House(loaded(runtime))
    replies: list[Reply] = []
    target = house.lane.target("/predict-async")
    assert target is not None
    exchange = house.lane.handle(target, "POST", {}, b'{"features": [1, 2]}', replies.append)
    exchange.cancel()
    await house.ask({"features": [3, 4]})
    assert replies == []
    assert runtime.batches == [1]
    assert house.meter.ended == [("/predict-async", False), ("/predict-async", True)]
    assert house.meter.in_flight == 0


async def test_a_deadline_is_answered_while_the_model_runs_and_what_waited_never_runs() -> None:
    runtime = Gated()
    house = House(loaded(runtime, cost=dear()))
    running = asyncio.ensure_future(house.ask({"features": [1, 2]}, request_timeout="2"))
    await asyncio.to_thread(runtime.entered.wait, 30)
    started = time.monotonic()
    waiting = house.ask({"features": [3, 4]}, request_timeout="1.5")
    outcomes = await asyncio.gather(running, waiting)
    assert [answer["error"] for _, answer in outcomes] == ["DeadlineExceeded"] * 2
    assert time.monotonic() - started < 2 + 5 * 0.25  # promised: at most 0.25 s late
    runtime.gate.set()
    status, answer = await house.ask({"features": [5, 6]}, request_timeout="30")
    assert (status, answer["prediction"]) == (200, 22.0)
    assert runtime.batches == [1, 1]
    assert house.meter.in_flight == 0


@pytest.mark.parametrize(
    "given", ["", "0", "0.0", "-1", "soon", "1e3", "nan", "inf", "1.", "9" * 10]
)
async def test_a_timeout_that_is_no_time_is_refused(given: str) -> None:
    house = House(loaded(Doubling()))
    assert (await house.ask({"features": [1, 2]}, request_timeout=given))[1]["error"] == "Malformed"


@pytest.mark.parametrize(
    ("path", "known"),
    [
        ("/predict-async", True),
        ("/predict-async/", True),
        ("/predict-async//", False),
        ("/predict-asyncs", False),
        ("/x/predict-async", False),
        ("/api/v1/models/m/predict", True),
        ("/api/v1/models/m/predict/", True),
        ("/api/v1/models//predict", False),
        ("/api/v1/models/a/b/predict", False),
        ("/api/v1/models/m/", False),
        ("/api/v1/models/m/predictions", False),
    ],
)
def test_the_route_table_is_exact(path: str, known: bool) -> None:
    assert (House().lane.target(path) is not None) is known


async def test_a_large_request_that_was_answered_leaves_nothing_for_the_collector() -> None:
    house = House(loaded(Doubling()), body_limit=1_000_000)
    gc.collect()
    others = exchanges()
    gc.disable()
    try:
        body = {"rows": [[1, 2]] * (LARGE_BODY // 8)}
        status, answer = await house.ask(body, path="/api/v1/models/m/predict")
        assert (status, len(answer["predictions"])) == (200, LARGE_BODY // 8)
        async with asyncio.timeout(30):
            while exchanges() > others:  # the reading thread may hold it for a moment
                await asyncio.sleep(0)
    finally:
        gc.enable()


def exchanges() -> int:
    return sum(type(each) is Exchange for each in gc.get_objects())  # proxies say they are others
