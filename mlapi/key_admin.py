"""API keys in the admin: made, shown once and revoked."""

from datetime import UTC, datetime
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.forms import ModelForm
from django.http import HttpRequest
from django.utils.html import format_html
from unfold.admin import ModelAdmin
from unfold.decorators import display

from mlapi import issuing
from mlapi.errors import AccessError, KeyRefused
from mlapi.models import ApiKey

FIELDS = {"owner": "user", "expires_at": "expiry"}  # by the service's names of facts


class ApiKeyForm(ModelForm):  # type: ignore[type-arg]  # at runtime it takes none
    actor: User

    def clean(self) -> dict[str, Any] | None:
        """Who has no choice of an owner is the owner."""
        facts = super().clean() or self.cleaned_data
        try:
            issuing.check(owner=facts.get("user", self.actor), expires_at=facts.get("expiry"))
        except AccessError as error:
            field = FIELDS[error.fact] if isinstance(error, KeyRefused) else None
            self.add_error(field, str(error))
        return facts


@admin.register(ApiKey)
class ApiKeyAdmin(ModelAdmin):  # type: ignore[misc]
    """Keys are made, shown once and revoked; only superusers see and make those of others."""

    form = ApiKeyForm
    list_display = (
        "prefix",
        "state",
        "name",
        "user",
        "created",
        "last_used_at",
        "expiry",
        "revoked_at",
    )
    list_display_links = ("prefix",)
    list_filter = (("revoked_at", admin.EmptyFieldListFilter), "created")
    list_select_related = ("user",)
    search_fields = ("token_key", "name", "user__username")
    search_help_text = "Search by key prefix, name or owner"
    autocomplete_fields = ("user",)
    actions = ("revoke",)
    empty_hint = "A key lets a program use the REST API. It is shown once, when you add it."

    def get_queryset(self, request: HttpRequest) -> QuerySet[ApiKey]:
        keys: QuerySet[ApiKey] = super().get_queryset(request)
        return keys if _user(request).is_superuser else keys.filter(user_id=request.user.pk)

    def get_fields(self, request: HttpRequest, obj: ApiKey | None = None) -> tuple[str, ...]:
        if obj is not None:
            return (
                "prefix",
                "state",
                "name",
                "user",
                "created_by",
                "created",
                "last_used_at",
                "expiry",
                "revoked_at",
            )
        return ("name", "user", "expiry") if _user(request).is_superuser else ("name", "expiry")

    def get_form(self, request: HttpRequest, *args: Any, **named: Any) -> type[ApiKeyForm]:
        form: type[ApiKeyForm] = super().get_form(request, *args, **named)
        form.actor = _user(request)
        return form

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, object]:
        return {"user": request.user.pk, **super().get_changeform_initial_data(request)}

    def has_change_permission(self, request: HttpRequest, obj: ApiKey | None = None) -> bool:
        """A key never changes; revoking has a permission check of its own."""
        return False

    def has_revoke_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("mlapi.change_apikey")

    def save_model(
        self, request: HttpRequest, obj: ApiKey, form: "ModelForm[ApiKey]", change: bool
    ) -> None:
        """Make the key, and show it this once."""
        assert not change, "a key never changes"
        actor = _user(request)
        made, text = issuing.issue(
            owner=obj.user if actor.is_superuser else actor,
            name=obj.name,
            expires_at=obj.expiry,
            actor=actor,
        )
        obj.pk = made.pk
        obj.refresh_from_db()
        shown = format_html(
            'Copy the key now, it is not shown again: <code class="mlapi-key">{}</code>', text
        )
        self.message_user(request, shown, messages.WARNING)

    @admin.action(description="Revoke the selected keys", permissions=["revoke"])
    def revoke(self, request: HttpRequest, queryset: QuerySet[ApiKey]) -> None:
        """They stop working within a second, everywhere."""
        revoked = issuing.revoke(keys=queryset)
        LogEntry.objects.log_actions(_user(request).pk, revoked, CHANGE, "Revoked.")
        self.message_user(request, f"Revoked: {len(revoked)}. They stop working within a second.")

    @admin.display(description="Key", ordering="token_key")
    def prefix(self, key: ApiKey) -> str:
        return f"{key.token_key}…"

    @display(  # type: ignore[untyped-decorator]
        description="State", label={"in use": "success", "expired": "warning", "revoked": "danger"}
    )
    def state(self, key: ApiKey) -> str:
        if key.revoked_at is not None:
            return "revoked"
        return "expired" if key.expiry and key.expiry <= datetime.now(UTC) else "in use"


def _user(request: HttpRequest) -> User:
    assert isinstance(request.user, User)  # the admin lets nobody in who is not signed in
    return request.user
