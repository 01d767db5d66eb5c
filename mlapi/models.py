"""The one table of the composition root: API keys, on knox's hashed token."""

import uuid
from typing import Any

from django.conf import settings
from django.db import models, transaction
from django.db.models.signals import pre_delete
from django.dispatch import receiver
from knox.models import AbstractAuthToken

from jobs.audit import CREATED, DELETED, note


class ApiKey(AbstractAuthToken):  # type: ignore[misc]  # knox has no types
    """A key for REST and the lane; only its digest is stored."""

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    name = models.CharField(max_length=100, blank=True, help_text="What the key is for.")
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="+",
        help_text="Who made it, where that is not its owner.",
    )
    last_used_at = models.DateTimeField(null=True, blank=True, editable=False)
    revoked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = "API key"
        ordering = ["-created"]

    @property
    def audited_as(self) -> str:
        """What the audit trail knows it by: its primary key is the digest."""
        return str(self.token_key)

    @transaction.atomic
    def save(self, *args: Any, **kwargs: Any) -> None:
        is_new = self._state.adding
        super().save(*args, **kwargs)
        if is_new:
            told = {"name": self.name, "user": self.user, "expiry": self.expiry}
            note(self, {name: ("", said) for name, said in told.items()}, action=CREATED)

    def __str__(self) -> str:
        return f"{self.token_key}… ({self.name or self.user})"


@receiver(pre_delete, sender=ApiKey)
def note_deletion(instance: ApiKey, **_: object) -> None:
    """Of every one, also where several go at once, or with their owner."""
    told = {"name": (instance.name, None), "user": (instance.user, None)}
    note(instance, told, action=DELETED)
