"""What moves an alias, and so traffic: one line of history for every move, in the same transaction.

Whoever moves one holds the lock on its model's row, so that lines of history follow one another.
"""

import logging
import re

from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone

from modelregistry.errors import InvalidName, StillServing, UnknownAlias
from modelregistry.models import (
    CHAMPION,
    Alias,
    AliasChange,
    ModelVersion,
    RegisteredModel,
    Revision,
)
from modelregistry.models.names import NAME
from modelregistry.services.serviceable import check_may_serve, check_whole

log = logging.getLogger(__name__)


def move_alias(
    *, version: ModelVersion, alias: str, actor: User | None = None, reason: str = ""
) -> AliasChange:
    """The alias points to the version from now on; champion is what serves.

    The answer is the line of history; an alias that points there already gets none. Raises
    InvalidName, NotPromotable.
    """
    check_alias(alias)
    check_whole(version)
    with transaction.atomic():
        RegisteredModel.objects.select_for_update().get(pk=version.model_id)
        return move_locked(version, alias, actor=actor, reason=reason)


def move_locked(
    version: ModelVersion, alias: str, *, actor: User | None, reason: str
) -> AliasChange:
    """The same in the caller's transaction and lock, of a version whose file was checked before.

    Raises NotPromotable.
    """
    fresh = ModelVersion.objects.select_related("model").get(pk=version.pk)
    check_may_serve(fresh)
    head = AliasChange.objects.head(version.model_id, alias)
    if head is not None and head.version_id == fresh.pk:
        return head
    change = point(fresh, alias, after=head, back_to=head, actor=actor, reason=reason)
    log.info("%s by %s", change, actor or "the operator")
    return change


def remove_alias(
    *, model: RegisteredModel, alias: str, actor: User | None = None, reason: str = ""
) -> AliasChange:
    """The name points to nothing any more.

    Raises InvalidName, UnknownAlias, and StillServing for the champion.
    """
    check_alias(alias)
    with transaction.atomic():
        RegisteredModel.objects.select_for_update().get(pk=model.pk)
        row = Alias.objects.filter(model=model, name=alias).select_related("version").first()
        if row is None:
            raise UnknownAlias(f"The model {model.name} has no alias {alias}.")
        if alias == CHAMPION:
            raise StillServing(
                f"The champion of {model.name} cannot be taken away: nothing would serve. Promote "
                "another version, or roll back."
            )
        row.delete()
        head = AliasChange.objects.head(model.pk, alias)
        change = _write(
            model,
            alias,
            None,
            after=head,
            previous=row.version,
            back_to=head,
            actor=actor,
            reason=reason,
        )
    log.info("%s by %s", change, actor or "the operator")
    return change


def check_alias(name: str) -> None:
    """Raises InvalidName."""
    if not re.match(NAME, name) or name.isdigit():
        raise InvalidName(
            "An alias has 1 to 64 of a-z, 0-9, dot, dash and underscore, begins with a letter or a "
            "digit, and is no number."
        )


def point(
    version: ModelVersion,
    alias: str,
    *,
    after: AliasChange | None,
    back_to: AliasChange | None,
    actor: User | None,
    reason: str,
) -> AliasChange:
    """Move the alias and write its line of history, in the caller's transaction and lock."""
    change = _write(
        version.model,
        alias,
        version,
        after=after,
        previous=after.version if after else None,
        back_to=back_to,
        actor=actor,
        reason=reason,
    )
    Alias.objects.update_or_create(
        model=version.model, name=alias, defaults={"version": version, "moved_at": change.at}
    )
    return change


def _write(
    model: RegisteredModel,
    alias: str,
    version: ModelVersion | None,
    *,
    after: AliasChange | None,
    **facts: object,
) -> AliasChange:
    """The line after the last one, whatever this machine's clock says."""
    at = max(timezone.now(), after.at) if after else timezone.now()
    Revision.objects.bump()
    return AliasChange.objects.create(model=model, alias=alias, version=version, at=at, **facts)
