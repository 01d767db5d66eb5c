"""Wherever a query fails, an alias has moved with its line of history, or nothing has changed."""

import contextlib
from collections.abc import Callable
from itertools import count
from typing import Any

import pytest
from django.db import OperationalError, connection

from modelregistry import services
from modelregistry.models import Alias, AliasChange, ModelVersion, RegisteredModel, Revision
from tests.modelregistry.trained import tree_version

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.database]
MOVES: dict[str, Callable[[list[ModelVersion]], object]] = {
    "promote": lambda versions: services.promote(version=versions[0]),
    "rollback": lambda versions: services.rollback(model=versions[0].model),
    "point": lambda versions: services.move_alias(version=versions[0], alias="trial"),
    "take away": lambda versions: services.remove_alias(model=versions[0].model, alias="old"),
    "archive": lambda versions: services.archive(name="idle"),
    "change": lambda versions: services.change_model(name="idle", changes={"tolerance": 0.5}),
}


class FailingQuery:
    """Stands before the database: the N-th query from here fails."""

    def __init__(self, number: int) -> None:
        self.left = number

    def __call__(self, execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        self.left -= 1
        if self.left == 0:
            raise OperationalError("the connection is lost")
        return execute(sql, params, many, context)


def state() -> tuple[object, ...]:
    return (
        [*Alias.objects.order_by("pk").values_list("model", "name", "version")],
        [*AliasChange.objects.order_by("pk").values_list("alias", "version", "back_to")],
        [*RegisteredModel.objects.order_by("pk").values_list("archived_at", "tolerance")],
        Revision.objects.current(),
    )


@pytest.mark.parametrize("move", MOVES.values(), ids=MOVES)
def test_a_query_that_fails_leaves_all_as_it_was(move: Callable[..., object]) -> None:
    versions = [tree_version(depth=depth) for depth in (1, 2)]
    for version in versions:
        services.promote(version=version)
    services.move_alias(version=versions[0], alias="old")
    services.create_model(name="idle", task="regression")
    before = state()

    for number in count(1):
        failing = FailingQuery(number)
        with connection.execute_wrapper(failing), contextlib.suppress(OperationalError):
            move(versions)
        if failing.left > 0:
            break
        assert state() == before, f"query {number}"

    assert number > 3
    assert state() != before
