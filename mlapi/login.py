"""Signing in to the admin with a password: who fails too often has to wait."""

from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from unfold.forms import AuthenticationForm

from mlapi.failed_attempts import FailedAttempts, of_login

failures = FailedAttempts(settings.MLAPI.limits.failed_attempts)


class LoginForm(AuthenticationForm):  # type: ignore[misc]  # no types in unfold
    """Refuses a password unseen where its address or its user had too many wrong ones."""

    def clean(self) -> dict[str, Any]:
        username = self.cleaned_data.get("username", "")
        subjects = of_login(self.request.META.get("REMOTE_ADDR"), username)
        if refusal := failures.begin(subjects):
            raise ValidationError(str(refusal), code="too_many_failures")
        wrong = False
        try:
            facts: dict[str, Any] = super().clean()
        except ValidationError:
            wrong = True
            raise
        finally:
            if not wrong:
                failures.take_back(subjects)
        return facts
