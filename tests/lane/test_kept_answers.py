"""A model whose answers are kept: the same values are run once, each caller has its own answer."""

import asyncio

import pytest

from tests.lane.house import House, loaded
from tests.serving.models import Doubling, Gated, dear

NATIVE = "/api/v1/models/m/predict"


async def test_answers_are_kept_only_where_the_model_says_so() -> None:
    runtime = Doubling()
    house = House(loaded(runtime))
    for _ in range(2):
        await house.ask({"features": [1, 2]})
    assert runtime.batches == [1, 1]


async def test_however_its_json_is_spelt_the_same_row_is_run_once() -> None:
    runtime = Doubling()
    house = House(loaded(runtime, cache_ttl_s=60.0))
    spellings = [
        {"rows": [[1, 2]], "outputs": ["value"]},
        {"rows": [[1.0, 2.0]], "outputs": ["value"]},
        {"rows": [{"b": 2e0, "a": 1}], "outputs": ["value"]},
        {"outputs": ["value"], "columns": {"a": [1], "b": [2]}},
    ]
    answers = [await house.ask(body, path=NATIVE, x_request_id=f"r{at}")
               for at, body in enumerate(spellings)]  # fmt: skip
    assert [answer["outputs"] for _, answer in answers] == [{"value": [6.0]}] * 4
    assert [answer["request_id"] for _, answer in answers] == ["r0", "r1", "r2", "r3"]
    assert (await house.ask({"features": [1, 2]}))[1]["prediction"] == 6.0
    assert runtime.batches == [1]


async def test_other_outputs_are_other_answers() -> None:
    runtime = Doubling()
    house = House(loaded(runtime, cache_ttl_s=60.0))
    for names in (["value"], ["negative"], ["value", "negative"], ["negative"]):
        body = {"rows": [[1, 2]], "outputs": names}
        shown = (await house.ask(body, path=NATIVE))[1]["outputs"]
        assert shown == {name: [{"value": 6.0, "negative": -6.0}[name]] for name in names}
    assert runtime.batches == [1, 1]


async def test_after_a_swap_no_answer_of_the_version_before_is_given() -> None:
    old, new = Doubling(), Doubling()
    house = House(loaded(old, cache_ttl_s=60.0))
    await house.ask({"features": [1, 2]})
    house.engine.swap(loaded(new, version=2, cache_ttl_s=60.0))
    answer = (await house.ask({"rows": [[1, 2]]}, path=NATIVE))[1]
    assert answer["version"] == 2
    assert (old.batches, new.batches) == ([1], [1])


async def test_large_bodies_are_kept_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("predictions.lane.exchange.LARGE_BODY", 10)
    runtime = Doubling()
    house = House(loaded(runtime, cache_ttl_s=60.0))
    body = {"rows": [[i, i] for i in range(50)]}
    answers = [await house.ask(body, path=NATIVE) for _ in range(2)]
    assert [answer["predictions"] for _, answer in answers] == [[4.0 * i for i in range(50)]] * 2
    assert runtime.batches == [50]


async def test_each_caller_of_a_shared_run_has_its_own_time() -> None:
    runtime = Gated()
    house = House(loaded(runtime, cost=dear(), cache_ttl_s=60.0))
    asking = [asyncio.ensure_future(house.ask({"features": [1, 2]}, request_timeout=seconds))
              for seconds in ("0.05", "60")]  # fmt: skip
    assert (await asking[0])[1]["error"] == "DeadlineExceeded"
    runtime.gate.set()
    assert (await asking[1])[1]["prediction"] == 6.0
    assert runtime.batches == [1]
