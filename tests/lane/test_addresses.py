"""Any version by its number, or by an alias: it is loaded for whoever may ask, and once."""

import asyncio
from typing import Any

import pytest

from modelregistry.audience import PUBLIC, SIGNED_IN
from predictions.serving.engine import Addressed, Loaded
from predictions.serving.errors import NotReady
from tests.lane.house import House, loaded
from tests.serving.models import Doubling

SECOND, CHALLENGER = "/api/v1/models/m/versions/2/predict", "/api/v1/models/m@challenger/predict"
ROWS = {"rows": [[1, 2]]}


def house(*, public: bool = True) -> House:
    """Version 1 is champion; 2 is known by its number and as challenger."""
    second = Addressed(2, PUBLIC if public else SIGNED_IN)
    known = {"m/versions/2": second, "m@challenger": second}
    return House(loaded(Doubling(), public=public), known=known)


async def asked(house: House, path: str = SECOND, **headers: str) -> "asyncio.Task[Any]":
    """A request that waits for its version."""
    before = len(house.waiting_versions)
    task = asyncio.ensure_future(house.ask(ROWS, path=path, **headers))
    while len(house.waiting_versions) == before:
        assert not task.done(), task.result()
        await asyncio.sleep(0)
    return task


def followed(
    house: House, known: dict[str, Addressed], lent: dict[str, Loaded] | None = None
) -> None:
    """The registry was read again."""
    house.engine.settle(servable=frozenset({"m"}), known=known, lent=lent or {})


@pytest.mark.parametrize("path", [SECOND, f"{SECOND}/", CHALLENGER])
async def test_a_version_that_is_not_in_memory_is_fetched_and_answers(path: str) -> None:
    lane = house()
    task = await asked(lane, path)
    (address, then) = lane.waiting_versions.pop()
    assert address == ("m@challenger" if path == CHALLENGER else "m/versions/2")
    then(loaded(Doubling(), version=2))
    status, answer = await task
    assert (status, answer["version"], answer["predictions"]) == (200, 2, [6.0])


async def test_what_was_lent_answers_at_once_until_the_registry_changes() -> None:
    lane = house()
    meant = lane.engine.known("m/versions/2")
    assert meant is not None
    second = loaded(Doubling(), version=2)
    lane.engine.lend("m/versions/2", meant, second)
    assert (await lane.ask(ROWS, path=SECOND))[1]["version"] == 2
    followed(lane, {"m/versions/2": meant}, lent={"m/versions/2": second})
    assert (await lane.ask(ROWS, path=SECOND))[1]["version"] == 2
    followed(lane, {"m/versions/2": meant})
    (await asked(lane)).cancel()


def test_nothing_is_lent_to_an_address_that_means_something_else_by_now() -> None:
    lane = house()
    meant = lane.engine.known("m/versions/2")
    assert meant is not None
    followed(lane, {"m/versions/2": Addressed(2, SIGNED_IN)})
    lane.engine.lend("m/versions/2", meant, loaded(Doubling(), version=2))
    with pytest.raises(NotReady):
        lane.engine.live("m/versions/2")


async def test_what_is_taken_back_is_fetched_anew_and_champions_stay() -> None:
    lane = house()
    meant, champion = lane.engine.known("m/versions/2"), lane.engine.live("m")
    assert meant is not None
    second = loaded(Doubling(), version=2)
    lane.engine.lend("m/versions/2", meant, second)
    lane.engine.take_back(second)
    lane.engine.take_back(champion)
    assert lane.engine.live("m") is champion
    (await asked(lane)).cancel()


async def test_a_version_that_cannot_be_loaded_is_not_ready() -> None:
    lane = house()
    task = await asked(lane)
    lane.waiting_versions.pop()[1](NotReady())
    assert (await task)[1]["error"] == "NotReady"
    assert lane.meter.in_flight == 0


async def test_nothing_is_loaded_for_who_may_not_ask() -> None:
    lane = house(public=False)
    assert (await lane.ask(ROWS, path=SECOND))[1]["error"] == "UnknownModel"
    assert lane.waiting_versions == []
    task = await asked(lane, authorization="Bearer good")
    lane.waiting_versions.pop()[1](loaded(Doubling(), version=2, public=False))
    assert (await task)[0] == 200


async def test_a_model_that_was_closed_while_its_version_was_loaded_is_unknown() -> None:
    lane = house()
    task = await asked(lane)
    lane.waiting_versions.pop()[1](loaded(Doubling(), version=2, public=False))
    assert (await task)[1]["error"] == "UnknownModel"


async def test_a_deadline_holds_while_a_version_is_loaded() -> None:
    lane = house()
    task = await asked(lane, request_timeout="0.05")
    assert (await task)[1]["error"] == "DeadlineExceeded"
    lane.waiting_versions.pop()[1](loaded(Doubling(), version=2))
    assert lane.meter.ended == [("/api/v1/models/{name}/versions/{number}/predict", False)]


async def test_a_models_own_deadline_holds_while_a_version_is_loaded() -> None:
    lane = house()
    followed(lane, {"m/versions/2": Addressed(2, PUBLIC, deadline_s=0.05)})
    assert (await (await asked(lane)))[1]["error"] == "DeadlineExceeded"
    longer = await asked(lane, request_timeout="60")
    lane.waiting_versions.pop()[1](loaded(Doubling(), version=2, deadline_s=0.05))
    assert (await longer)[0] == 200


@pytest.mark.parametrize("address", ["m/versions/3", "m@nobody", "m/versions/02", "x/versions/1"])
async def test_an_address_that_means_nothing_is_unknown(address: str) -> None:
    answer = (await house().ask(ROWS, path=f"/api/v1/models/{address}/predict"))[1]
    assert answer["error"] == "UnknownModel"


@pytest.mark.parametrize(
    "path",
    [
        "/api/v1/models/m/versions/predict",
        "/api/v1/models/m/versions/x/predict",
        "/api/v1/models/m/versions/1/2/predict",
        "/api/v1/models/m/aliases/1/predict",
        "/api/v1/models//versions/1/predict",
        "/api/v1/models//predict",
        "/api/v1/models/m/predict/predict/x",
        "/api/v1/models/predict",
    ],
)
def test_other_paths_are_not_the_lanes(path: str) -> None:
    assert house().lane.target(path) is None
