"""The one table of the composition root: API keys, on knox's hashed token."""

import uuid

from django.conf import settings
from django.db import models
from knox.models import AbstractAuthToken


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

    def __str__(self) -> str:
        return f"{self.token_key}… ({self.name or self.user})"
