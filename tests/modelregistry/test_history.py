"""History: which version was champion when, in order whatever clocks say, under any contention."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Barrier

import pytest
from django.db import connection, connections
from django.utils import timezone

from modelregistry import services
from modelregistry.errors import NothingBefore
from modelregistry.models import Alias, AliasChange, RegisteredModel
from tests.modelregistry.trained import tree_version

pytestmark = [pytest.mark.django_db, pytest.mark.database]
SECOND, TICK = timedelta(seconds=1), timedelta(microseconds=1)


def champion_at(model: RegisteredModel, moment: datetime) -> int | None:
    version = AliasChange.objects.version_at(model, moment)
    return version.number if version else None


def test_it_answers_which_version_was_champion_at_any_time() -> None:
    first, second = tree_version(depth=1), tree_version(depth=2)
    moves = [
        services.promote(version=first).at,
        services.promote(version=second).at,
        services.rollback(model=first.model).at,
    ]
    model = first.model
    assert [champion_at(model, at) for at in moves] == [1, 2, 1]
    assert [champion_at(model, at - TICK) for at in moves] == [None, 1, 2]
    assert champion_at(model, moves[-1] + SECOND) == 1
    assert champion_at(model, datetime(1, 1, 1, tzinfo=UTC)) is None


def test_other_aliases_and_models_have_a_history_of_their_own() -> None:
    plants, trees = tree_version("plants"), tree_version("trees")
    services.promote(version=plants)
    services.move_alias(version=plants, alias="challenger")
    services.remove_alias(model=plants.model, alias="challenger")
    now = timezone.now()
    assert champion_at(plants.model, now) == 1
    assert champion_at(trees.model, now) is None
    assert AliasChange.objects.version_at(plants.model, now, "challenger") is None


def test_a_clock_that_goes_back_leaves_history_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    versions = [tree_version(depth=depth) for depth in (1, 2, 3)]
    began = services.promote(version=versions[0]).at
    monkeypatch.setattr(timezone, "now", lambda: began - SECOND)
    for version in versions[1:]:
        services.promote(version=version)
    assert [line.version for line in AliasChange.objects.all()] == versions[::-1]
    assert champion_at(versions[0].model, began) == 3
    assert [services.rollback(model=versions[0].model).version for _ in range(2)] == versions[1::-1]


def test_a_line_knows_where_a_rollback_would_lead() -> None:
    first, second, third = (tree_version(depth=depth) for depth in (1, 2, 3))
    one = services.promote(version=first)
    two = services.promote(version=second)
    three = services.promote(version=third)
    assert [line.back_to for line in (one, two, three)] == [None, one, two]
    returned = services.rollback(model=first.model)
    assert (returned.version, returned.back_to) == (second, one)
    assert services.promote(version=third).back_to == returned


@pytest.mark.django_db(transaction=True)
def test_promotions_and_rollbacks_at_once_leave_an_unbroken_history() -> None:
    versions = [tree_version(depth=depth) for depth in range(1, 5)]
    for version in versions:
        services.promote(version=version)
    together = Barrier(6)

    def act(number: int) -> None:
        together.wait(timeout=30)
        try:
            if number % 2:
                services.promote(version=versions[number // 2])
            else:
                services.rollback(model=versions[0].model)
        except NothingBefore:
            pass
        finally:
            connections.close_all()

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(act, range(6)))
    lines = list(AliasChange.objects.order_by("pk"))
    assert len(lines) > len(versions)
    check_chain(lines)
    assert Alias.objects.get().version_id == lines[-1].version_id


@pytest.mark.django_db(transaction=True)
def test_two_rollbacks_at_once_go_back_two_steps() -> None:
    versions = [tree_version(depth=depth) for depth in (1, 2, 3)]
    for version in versions:
        services.promote(version=version)
    together = Barrier(2)

    def act(_: int) -> int:
        together.wait(timeout=30)
        try:
            change = services.rollback(model=versions[0].model)
        finally:
            connection.close()
        assert change.version is not None
        return change.version.number

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(act, range(2))) == [1, 2]
    assert Alias.objects.get().version == versions[0]
    check_chain(list(AliasChange.objects.order_by("pk")))


def check_chain(lines: list[AliasChange]) -> None:
    """Each line begins where the last one ended, moves somewhere, and rollbacks lead backwards."""
    ends = [line.version_id for line in lines]
    assert [line.previous_id for line in lines] == [None, *ends[:-1]]
    assert all(line.version_id != line.previous_id for line in lines)
    assert [line.at for line in lines] == sorted(line.at for line in lines)
    before: dict[int, AliasChange] = {}
    for last, line in zip([None, *lines], lines, strict=False):
        promoted = line.back_to_id == (last.pk if last else None)
        goal = before[last.back_to_id] if last and last.back_to_id else None
        rolled_back = goal is not None and (line.version_id, line.back_to_id) == (
            goal.version_id,
            goal.back_to_id,
        )
        assert promoted or rolled_back
        before[line.pk] = line
