"""On the lane a model for groups answers their members; to others it is as unknown as any other."""

import pytest

from modelregistry.audience import Audience
from predictions.serving.engine import Addressed
from tests.lane.house import House, loaded
from tests.serving.models import Doubling

ROW = {"features": [1, 2]}
ROWS = {"rows": [[1, 2]]}
FOR_MEMBERS, FOR_OTHERS = Audience(groups=frozenset({1, 7})), Audience(groups=frozenset({2}))
GOOD = {"authorization": "Bearer good"}  # of a member of group 1


@pytest.mark.parametrize("path", ["/predict-async", "/predict-batched"])
async def test_members_are_answered_and_nobody_else(path: str) -> None:
    theirs = House(loaded(Doubling(), audience=FOR_MEMBERS))
    assert (await theirs.ask(ROW, path=path, **GOOD))[0] == 200
    others = House(loaded(Doubling(), audience=FOR_OTHERS))
    for house, headers in ((theirs, {}), (others, {}), (others, GOOD)):
        _, answer = await house.ask(ROW, path=path, **headers)
        assert answer == {"error": "UnknownModel", "request_id": "made"}


async def test_a_version_that_is_not_in_memory_is_loaded_for_members_alone() -> None:
    for audience, loads in ((FOR_MEMBERS, 1), (FOR_OTHERS, 0)):
        known = {"m/versions/2": Addressed(2, audience)}
        house = House(loaded(Doubling(), audience=audience), known=known)
        path = "/api/v1/models/m/versions/2/predict"
        _, answer = await house.ask(ROWS, path=path)
        assert answer["error"] == "UnknownModel"
        target = house.lane.target(path)
        assert target is not None
        house.lane.handle(target, "POST", {b"authorization": b"Bearer good"}, b"{}", print)
        assert len(house.waiting_versions) == loads


async def test_whoever_is_no_member_any_more_when_it_is_loaded_is_not_answered() -> None:
    known = {"m/versions/2": Addressed(2, FOR_MEMBERS)}
    house = House(loaded(Doubling(), audience=FOR_MEMBERS), known=known)
    told: list[object] = []
    target = house.lane.target("/api/v1/models/m/versions/2/predict")
    assert target is not None
    headers = {b"authorization": b"Bearer good"}
    house.lane.handle(target, "POST", headers, b"{}", told.append)
    house.waiting_versions.pop()[1](loaded(Doubling(), version=2, audience=FOR_OTHERS))
    ((_, _, body),) = told  # type: ignore[misc]
    assert b"UnknownModel" in body  # type: ignore[operator]
