"""What staff say of a model, and its end: an archived model keeps everything and serves nobody."""

import logging
from collections.abc import Collection

from django.contrib.auth.models import Group, User
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from modelregistry.errors import StillServing, WrongSettings
from modelregistry.models import CHAMPION, Alias, RegisteredModel

log = logging.getLogger(__name__)
NOT_FOR_GROUPS = "groups: only a model whose visibility is groups has any."


def change_model(
    *,
    name: str,
    changes: dict[str, object],
    groups: Collection[str] | None = None,
    actor: User | None = None,
) -> RegisteredModel:
    """The model with those fields changed, and no others.

    `groups` are names of all that it is for; None leaves them as they are. A model that is not for
    groups any more keeps none. Raises UnknownModel, WrongSettings.
    """
    with transaction.atomic():
        model = RegisteredModel.objects.select_for_update().named(name, seen_by=actor)
        for field, value in changes.items():
            setattr(model, field, value)
        check_served(model)
        if groups is not None:
            model.groups.set(groups_for(model, groups))
        elif model.visibility != RegisteredModel.Visibility.GROUPS and model.groups.exists():
            model.groups.clear()
        if changes or groups is not None:
            model.save(update_fields=[*changes])
    return model


def groups_for(model: RegisteredModel, names: Collection[str]) -> list[Group]:
    """Those that it is to be for. Raises WrongSettings."""
    if model.visibility != RegisteredModel.Visibility.GROUPS:
        raise WrongSettings(NOT_FOR_GROUPS)
    found = list(Group.objects.filter(name__in=names))
    if len(found) < len(set(names)):
        raise WrongSettings("groups: there is no group of one of these names.")
    return found


def check_served(model: RegisteredModel) -> None:
    """Whether its settings fit each other. Raises WrongSettings."""
    try:
        model.clean()
    except ValidationError as error:
        raise WrongSettings(f"deadline_ms: {' '.join(error.messages)}") from error


def archive(*, name: str, actor: User | None = None) -> None:
    """It is listed no more and takes no versions. Raises UnknownModel, StillServing."""
    with transaction.atomic():
        model = RegisteredModel.objects.select_for_update().named(name, seen_by=actor)
        live = Alias.objects.filter(model=model, name=CHAMPION).select_related("version").first()
        if live is not None:
            raise StillServing(f"The model {name} serves: version {live.version.number} answers.")
        if model.archived_at is not None:
            return
        model.archived_at = timezone.now()
        model.save(update_fields=["archived_at"])
    log.info("%s archived by %s", name, actor or "the operator")
