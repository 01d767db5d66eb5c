"""Moves at once: history has one order, its last line is what serves, and nothing archived does."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from django.db import connections

from modelregistry import services
from modelregistry.errors import NothingBefore, NotPromotable, StillServing
from modelregistry.models import ModelVersion, RegisteredModel
from tests.modelregistry.crashes.agreement import check_agreement
from tests.modelregistry.crashes.operations import moves, registered, served

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.database]
ROUNDS = 8


def at_once(*deeds: Callable[[], object]) -> list[str]:
    """How each of them ended: "done", or the name of its refusal."""
    together = Barrier(len(deeds))

    def act(deed: Callable[[], object]) -> str:
        together.wait(timeout=30)
        try:
            deed()
        except (NotPromotable, NothingBefore, StillServing) as refusal:
            return type(refusal).__name__
        finally:
            connections.close_all()
        return "done"

    with ThreadPoolExecutor(len(deeds)) as pool:
        return list(pool.map(act, deeds))


def promoting(version: ModelVersion) -> Callable[[], object]:
    return lambda: services.promote(version=version)


def check_one_order(name: str) -> None:
    check_agreement(name)
    found, line = served(name), moves(name)
    assert found is not None
    version, answer = found
    assert version == line[-1]
    assert answer == [version * value for value in (1.0, 2.0, 3.0, 4.0)]


def test_two_promotions_at_once_come_one_after_the_other() -> None:
    for number in range(ROUNDS):
        name = f"m{number}"
        one, other = registered(name, 2)
        assert at_once(promoting(one), promoting(other)) == ["done", "done"]
        assert moves(name) in ([1, 2], [2, 1])
        check_one_order(name)


def test_the_same_promotion_twice_at_once_is_one_line() -> None:
    for number in range(ROUNDS):
        name = f"m{number}"
        (version,) = registered(name, 1)
        assert at_once(promoting(version), promoting(version)) == ["done", "done"]
        assert moves(name) == [1]
        check_one_order(name)


def test_a_promotion_against_a_rollback_is_one_order_or_the_other() -> None:
    for number in range(ROUNDS):
        name = f"m{number}"
        first, second, third = registered(name, 3)
        for version in (first, second):
            services.promote(version=version)
        model = first.model
        ends = at_once(promoting(third), lambda model=model: services.rollback(model=model))
        assert ends == ["done", "done"]
        # Promoted, then back to 2; or back to 1, then promoted.
        assert moves(name)[2:] in ([3, 2], [1, 3])
        check_one_order(name)


def test_what_is_archived_meanwhile_does_not_serve_and_what_serves_is_not_archived() -> None:
    for number in range(ROUNDS):
        name = f"m{number}"
        (version,) = registered(name, 1)
        ends = at_once(promoting(version), lambda name=name: services.archive(name=name))
        archived = RegisteredModel.objects.get(name=name).archived_at is not None
        assert ends == (["NotPromotable", "done"] if archived else ["done", "StillServing"])
        assert (served(name) is None) == archived == (moves(name) == [])
        check_agreement(name)


def test_two_rollbacks_and_a_promotion_at_once_leave_one_history() -> None:
    for number in range(ROUNDS):
        name = f"m{number}"
        versions = registered(name, 3)
        for version in versions:
            services.promote(version=version)
        model = versions[0].model
        back = [lambda model=model: services.rollback(model=model)] * 2
        ends = at_once(*back, promoting(versions[0]))
        assert set(ends) <= {"done", "NothingBefore"}
        check_one_order(name)
