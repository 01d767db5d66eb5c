"""What moves an alias, and so traffic: promotion. One line of history for every move."""

import logging

from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone

from modelregistry.errors import DamagedArtifact, NotPromotable
from modelregistry.models import (
    CHAMPION,
    Alias,
    AliasChange,
    ModelVersion,
    RegisteredModel,
    Revision,
)
from modelregistry.services.storing import store

log = logging.getLogger(__name__)


def promote(*, version: ModelVersion, actor: User | None = None, reason: str = "") -> AliasChange:
    """The version serves from now on. Raises NotPromotable, saying why it may not.

    The answer is the line of history; promoting the champion again adds none.
    """
    _check_artifact(version)
    with transaction.atomic():
        model = RegisteredModel.objects.select_for_update().get(pk=version.model_id)
        fresh = ModelVersion.objects.select_related("model").get(pk=version.pk)
        _check_promotable(model, fresh)
        before = Alias.objects.filter(model=model, name=CHAMPION).first()
        if before is not None and before.version_id == fresh.pk:
            return AliasChange.objects.filter(version=fresh, alias=CHAMPION).latest("at", "pk")
        change = _move(CHAMPION, fresh, before=before, actor=actor, reason=reason)
    log.info("%s promoted by %s", fresh, actor or "the operator")
    return change


def _check_artifact(version: ModelVersion) -> None:
    """Raises NotPromotable where what would be served is not whole on disk."""
    try:
        store().read(version.live().artifact_sha256)
    except DamagedArtifact as error:
        raise NotPromotable(f"{version} cannot serve: {error}") from error


def _check_promotable(model: RegisteredModel, version: ModelVersion) -> None:
    if model.archived_at is not None:
        raise NotPromotable(f"{version} cannot serve: the model is archived.")
    if version.state != ModelVersion.State.READY:
        raise NotPromotable(f"{version} cannot serve: it is {version.state}, not ready.")


def _move(
    name: str,
    version: ModelVersion,
    *,
    before: Alias | None,
    actor: User | None,
    reason: str,
) -> AliasChange:
    """Point the alias to the version and write history, in the caller's transaction."""
    now = timezone.now()
    Alias.objects.update_or_create(
        model=version.model, name=name, defaults={"version": version, "moved_at": now}
    )
    Revision.objects.bump()
    return AliasChange.objects.create(
        model=version.model,
        alias=name,
        version=version,
        previous=before.version if before else None,
        actor=actor,
        reason=reason,
        at=now,
    )
