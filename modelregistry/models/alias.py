"""Names that point to versions, and the history of their moves."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from django.conf import settings
from django.core.validators import RegexValidator
from django.db import models
from django.db.models import Q
from django.utils import timezone

from modelregistry.errors import ImmutableRow
from modelregistry.models.live import LiveVersion
from modelregistry.models.model import RegisteredModel
from modelregistry.models.names import CHAMPION, NAME
from modelregistry.models.revision import Revision
from modelregistry.models.version import ModelVersion


class AliasManager(models.Manager["Alias"]):
    def champions(self) -> list[LiveVersion]:
        """Every live version; a query for them, and one for the groups that models are for."""
        return self._champions(version__state=ModelVersion.State.READY)

    def damaged(self) -> list[LiveVersion]:
        """Every champion that serves no more, because its file is damaged."""
        return self._champions(version__in=ModelVersion.objects.damaged())

    def _champions(self, **which: object) -> list[LiveVersion]:
        rows = self.filter(name=CHAMPION, model__archived_at=None, **which)
        found = rows.select_related("version__model").prefetch_related("version__model__groups")
        return [
            live for alias in found.order_by("model__name") if (live := alias.version.readable())
        ]

    def addressed(self) -> "models.QuerySet[Alias, tuple[str, str, int, int | None, str]]":
        """Model, alias, version's id, the model's deadline, the version's state; of versions that
        are ready, or were until their file was damaged."""
        asked = Q(version__state=ModelVersion.State.READY) | ~Q(version__damage="")
        return (
            self.filter(asked, model__archived_at=None)
            .order_by()
            .values_list(
                "model__name", "name", "version_id", "model__deadline_ms", "version__state"
            )
        )

    def revision(self) -> str:
        """Another value whenever the answer of those above may be another one."""
        return Revision.objects.current()


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

    def walk(self, head: "AliasChange") -> Iterator["AliasChange"]:
        """Where rollbacks lead from that line, one after the other."""
        lines = self.select_related("version__model")
        back_to = head.back_to_id
        while back_to is not None:
            line = lines.get(pk=back_to)
            yield line
            back_to = line.back_to_id

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
