"""Names that point to versions, and the history of their moves."""

import logging
from datetime import datetime
from typing import Any

import msgspec
from django.conf import settings
from django.core.validators import RegexValidator
from django.db import models
from django.db.models import Q
from django.utils import timezone

from modelregistry.errors import ImmutableRow
from modelregistry.models.model import RegisteredModel
from modelregistry.models.names import CHAMPION, NAME
from modelregistry.models.revision import Revision
from modelregistry.models.version import LiveVersion, ModelVersion

log = logging.getLogger(__name__)


class AliasManager(models.Manager["Alias"]):
    def champions(self) -> list[LiveVersion]:
        """Every live version, in one query."""
        live = self.filter(
            name=CHAMPION, model__archived_at=None, version__state=ModelVersion.State.READY
        ).select_related("version__model")
        return [found for a in live.order_by("model__name") if (found := _live(a)) is not None]

    def addressed(self) -> "models.QuerySet[Alias, tuple[str, str, int, str, int | None]]":
        """Model, alias, version's id, the model's visibility and deadline; of ready versions."""
        ready = self.filter(version__state=ModelVersion.State.READY, model__archived_at=None)
        return ready.order_by().values_list(
            "model__name", "name", "version_id", "model__visibility", "model__deadline_ms"
        )

    def revision(self) -> str:
        """Another value whenever the answer of those above may be another one."""
        return Revision.objects.current()


def _live(alias: "Alias") -> LiveVersion | None:
    """None for a row this code cannot read: it must not hide the others."""
    try:
        return alias.version.live()
    except (msgspec.ValidationError, LookupError):
        log.exception("%s cannot be read", alias)
        return None


class Alias(models.Model):
    """A name that points to one version of a model; `champion` serves."""

    model = models.ForeignKey(RegisteredModel, models.PROTECT, related_name="aliases")
    name = models.CharField(max_length=64, validators=[RegexValidator(NAME)])
    version = models.ForeignKey(ModelVersion, models.PROTECT, related_name="aliases")
    moved_at = models.DateTimeField(default=timezone.now)

    objects = AliasManager()

    class Meta:
        verbose_name_plural = "aliases"
        ordering = ["model__name", "name"]
        constraints = [
            models.UniqueConstraint(fields=["model", "name"], name="alias_is_unique"),
            models.CheckConstraint(condition=Q(name__regex=NAME), name="alias_name_is_safe"),
        ]

    def __str__(self) -> str:
        return f"{self.model.name}@{self.name}"


class AliasChangeManager(models.Manager["AliasChange"]):
    def head(self, model_id: int, alias: str) -> "AliasChange | None":
        """The last line of that alias."""
        return self._of(model_id, alias).first()

    def version_at(
        self, model: RegisteredModel, moment: datetime, alias: str = CHAMPION
    ) -> ModelVersion | None:
        """Where the alias pointed at that time; None before its first line."""
        line = self._of(model.pk, alias).filter(at__lte=moment).first()
        return line.version if line else None

    def _of(self, model_id: int, alias: str) -> "models.QuerySet[AliasChange]":
        lines = self.filter(model_id=model_id, alias=alias)
        return lines.select_related("version__model").order_by("-at", "-pk")


class AliasChange(models.Model):
    """One line of history: who moved which alias where, when and why.

    `version` is None where the alias was taken away.
    """

    model = models.ForeignKey(RegisteredModel, models.PROTECT, related_name="changes")
    alias = models.CharField(max_length=64)
    version = models.ForeignKey(ModelVersion, models.PROTECT, null=True, related_name="+")
    previous = models.ForeignKey(ModelVersion, models.PROTECT, null=True, related_name="+")
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+"
    )
    reason = models.TextField(blank=True)
    at = models.DateTimeField(default=timezone.now)
    # The line whose version a rollback would bring back: a promotion's is the line before it, a
    # rollback's the one that its own goal would have gone back to. So rollbacks walk further back.
    back_to = models.ForeignKey("self", models.PROTECT, null=True, related_name="+")

    objects = AliasChangeManager()

    class Meta:
        verbose_name = "promotion"
        ordering = ["-at", "-pk"]

    def __str__(self) -> str:
        where = f"to version {self.version.number}" if self.version else "taken away"
        return f"{self.model.name}@{self.alias} {where}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        if not self._state.adding:
            raise ImmutableRow("History is never rewritten.")
        super().save(*args, **kwargs)
