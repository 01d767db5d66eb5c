"""A version that was loaded for whoever asked goes when nobody does, or there is no room."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from modelregistry.audience import PUBLIC
from predictions.serving.engine import Identity, Loaded
from predictions.serving.shelf import Shelf
from tests.serving.models import CHEAP, Doubling

EXECUTOR = ThreadPoolExecutor(1)


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def shelf(clock: Clock) -> Shelf[str]:
    return Shelf(100, idle_s=60, clock=clock)


def version(number: int) -> Loaded:
    identity = Identity(
        model="m", version=number, version_id=number, task="regression", audience=PUBLIC,
        framework="onnx", artifact_sha256="", source_sha256=None,
    )  # fmt: skip
    return Loaded(identity, Doubling(), example=(0, 0), cost=CHEAP, executor=EXECUTOR)


def numbers(gone: list[Loaded]) -> list[int]:
    return [loaded.identity.version for loaded in gone]


def test_what_nobody_asks_for_goes_after_a_while(shelf: Shelf[str], clock: Clock) -> None:
    shelf.put(1, "as it was", version(1), 10)
    clock.now += 60
    assert shelf.sweep() == []
    clock.now += 0.1
    assert numbers(shelf.sweep()) == [1]
    assert shelf.get(1, "as it was") is None


def test_what_is_asked_for_stays(shelf: Shelf[str], clock: Clock) -> None:
    kept = version(1)
    shelf.put(1, "", kept, 10)
    for _ in range(5):
        clock.now += 50
        kept.asked = True
        assert shelf.sweep() == []
    assert not kept.asked


def test_being_fetched_again_is_being_asked_for(shelf: Shelf[str], clock: Clock) -> None:
    kept = version(1)
    shelf.put(1, "", kept, 10)
    clock.now += 50
    assert shelf.get(1, "") is kept
    clock.now += 50
    assert shelf.sweep() == []


def test_where_there_is_no_room_the_one_asked_longest_ago_goes(
    shelf: Shelf[str], clock: Clock
) -> None:
    first, second, third = map(version, (1, 2, 3))
    for number, loaded in ((1, first), (2, second)):
        shelf.put(number, "", loaded, 50)
        clock.now += 1
    assert shelf.sweep() == []
    first.asked = True
    shelf.sweep()
    clock.now += 1
    shelf.put(3, "", third, 50)
    assert numbers(shelf.sweep()) == [2]
    assert shelf.get(1, "") is first


def test_the_newest_stays_however_large_it_is(shelf: Shelf[str], clock: Clock) -> None:
    shelf.put(1, "", version(1), 10)
    clock.now += 1
    shelf.put(2, "", version(2), 1000)
    assert numbers(shelf.sweep()) == [1]
    assert shelf.sweep() == []


def test_what_was_made_from_something_else_is_not_given(shelf: Shelf[str]) -> None:
    old, new = version(1), version(1)
    shelf.put(1, "public", old, 10)
    assert shelf.get(1, "signed-in") is None
    shelf.put(1, "signed-in", new, 10)
    assert shelf.get(1, "signed-in") is new


def test_what_is_kept_stays_however_long_nobody_asks_but_makes_room(
    shelf: Shelf[str], clock: Clock
) -> None:
    for number in (1, 2):
        shelf.put(number, "", version(number), 40)
        clock.now += 100
    assert numbers(shelf.sweep(kept={1})) == [2]
    shelf.put(3, "", version(3), 80)
    assert numbers(shelf.sweep(kept={1})) == [1]


def test_what_is_pinned_stays_though_there_is_no_room(shelf: Shelf[str], clock: Clock) -> None:
    for number in (1, 2, 3):
        shelf.put(number, "", version(number), 60)
        clock.now += 100
    assert numbers(shelf.sweep(pinned={1}, kept={3})) == [2]
    assert numbers(shelf.make_room(60, pinned={1})) == [3]


def test_room_is_made_before_there_is_need_and_for_no_more(shelf: Shelf[str], clock: Clock) -> None:
    first, second, third = map(version, (1, 2, 3))
    for number, loaded in ((1, first), (2, second), (3, third)):
        shelf.put(number, "", loaded, 30)
        clock.now += 1
    assert shelf.has_room(10)
    assert shelf.make_room(10) == []
    first.asked = True
    assert not shelf.has_room(20)
    assert numbers(shelf.make_room(20)) == [2]
    assert shelf.has_room(20)
    assert {loaded for _, loaded in shelf.origins()} == {first, third}
