"""Rollback: what was champion before serves again; repeated, it walks further back.

It needs the database and the version's file, and no broker: what serves follows by itself.
"""

import logging

from django.contrib.auth.models import User
from django.db import transaction

from modelregistry.errors import NothingBefore, NotPromotable
from modelregistry.models import CHAMPION, AliasChange, RegisteredModel
from modelregistry.services.aliasing import point
from modelregistry.services.serviceable import check_may_serve, check_whole

log = logging.getLogger(__name__)


def rollback(*, model: RegisteredModel, actor: User | None = None, reason: str = "") -> AliasChange:
    """The champion is again what it was before; versions that may not serve are passed over.

    Raises NothingBefore, and NotPromotable where the model is archived.
    """
    while True:
        head = AliasChange.objects.head(model.pk, CHAMPION)
        goal = _goal(model, head)
        change = _go_back(head, goal, actor=actor, reason=reason)
        if change is not None:
            log.info("%s again, rolled back by %s", change, actor or "the operator")
            return change


def rollback_goal(model: RegisteredModel) -> AliasChange:
    """The line of history whose version a rollback would bring back. Raises as `rollback` does."""
    return _goal(model, AliasChange.objects.head(model.pk, CHAMPION))


def _goal(model: RegisteredModel, head: AliasChange | None) -> AliasChange:
    if head is None:
        raise NothingBefore(f"The model {model.name} has had no champion yet.")
    if model.archived_at is not None:
        raise NotPromotable(f"{model.name} cannot be rolled back: the model is archived.")
    passed_over = ""
    for line in AliasChange.objects.walk(head):
        if line.version is None or line.version_id == head.version_id:
            continue
        try:
            check_whole(line.version)
        except NotPromotable as error:
            passed_over = passed_over or f" {error}"
        else:
            return line
    raise NothingBefore(f"There is nothing before {head.version} to go back to.{passed_over}")


def _go_back(
    head: AliasChange | None, goal: AliasChange, *, actor: User | None, reason: str
) -> AliasChange | None:
    """The move; None where somebody else has moved the champion since `head`."""
    assert goal.version is not None
    with transaction.atomic():
        model = RegisteredModel.objects.select_for_update().get(pk=goal.model_id)
        now = AliasChange.objects.head(model.pk, CHAMPION)
        if now != head:
            return None
        version = goal.version
        version.refresh_from_db()
        check_may_serve(version)
        return point(
            version,
            CHAMPION,
            after=now,
            back_to=goal.back_to,
            actor=actor,
            reason=reason or "Rolled back.",
        )
