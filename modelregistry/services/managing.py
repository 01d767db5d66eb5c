"""What staff say of a model, and its end: an archived model keeps everything and serves nobody."""

import logging

from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from modelregistry.errors import StillServing, WrongSettings
from modelregistry.models import CHAMPION, Alias, RegisteredModel

log = logging.getLogger(__name__)


def change_model(*, name: str, changes: dict[str, object]) -> RegisteredModel:
    """The model with those fields changed, and no others. Raises UnknownModel, WrongSettings."""
    with transaction.atomic():
        model = RegisteredModel.objects.select_for_update().named(name)
        for field, value in changes.items():
            setattr(model, field, value)
        check_served(model)
        if changes:
            model.save(update_fields=[*changes])
    return model


def check_served(model: RegisteredModel) -> None:
    """Whether its settings fit each other. Raises WrongSettings."""
    try:
        model.clean()
    except ValidationError as error:
        raise WrongSettings(f"deadline_ms: {' '.join(error.messages)}") from error


def archive(*, name: str, actor: User | None = None) -> None:
    """It is listed no more and takes no versions. Raises UnknownModel, StillServing."""
    with transaction.atomic():
        model = RegisteredModel.objects.select_for_update().named(name)
        live = Alias.objects.filter(model=model, name=CHAMPION).select_related("version").first()
        if live is not None:
            raise StillServing(f"The model {name} serves: version {live.version.number} answers.")
        if model.archived_at is not None:
            return
        model.archived_at = timezone.now()
        model.save(update_fields=["archived_at"])
    log.info("%s archived by %s", name, actor or "the operator")
