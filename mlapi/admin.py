"""Admin pages of what is nobody else's: users, groups, API keys, Celery's raw results."""

from datetime import UTC, datetime

from django.contrib import admin, messages
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth.admin import GroupAdmin as DjangoGroupAdmin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group, User
from django.db.models import Model, QuerySet
from django.forms import ModelForm
from django.http import HttpRequest
from django.utils.html import format_html
from django_celery_beat.models import (
    ClockedSchedule,
    CrontabSchedule,
    IntervalSchedule,
    PeriodicTask,
    SolarSchedule,
)
from django_celery_results.models import GroupResult, TaskResult
from knox.models import get_digest_token
from knox.settings import CONSTANTS
from unfold.admin import ModelAdmin
from unfold.decorators import display
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

from mlapi.models import ApiKey

for bare in (User, Group, TaskResult, GroupResult):
    admin.site.unregister(bare)
for raw in (PeriodicTask, CrontabSchedule, IntervalSchedule, SolarSchedule, ClockedSchedule):
    admin.site.unregister(raw)  # they would take any task: staff schedule retrainings, by name


@admin.register(User)
class UserAdmin(DjangoUserAdmin, ModelAdmin):  # type: ignore[misc, type-arg]  # no types in unfold
    form = UserChangeForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm


@admin.register(Group)
class GroupAdmin(DjangoGroupAdmin, ModelAdmin):  # type: ignore[misc]
    pass


@admin.register(ApiKey)
class ApiKeyAdmin(ModelAdmin):  # type: ignore[misc]
    """Keys are made, shown once and revoked; only superusers see and make those of others."""

    list_display = ("prefix", "state", "name", "user", "created", "expiry", "revoked_at")
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
        return keys if _is_superuser(request) else keys.filter(user_id=request.user.pk)

    def get_fields(self, request: HttpRequest, obj: ApiKey | None = None) -> tuple[str, ...]:
        if obj is not None:
            return (
                "prefix",
                "state",
                "name",
                "user",
                "created_by",
                "created",
                "expiry",
                "revoked_at",
            )
        return ("name", "user", "expiry") if _is_superuser(request) else ("name", "expiry")

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
        obj.digest, key = get_digest_token()
        obj.token_key = key[: CONSTANTS.TOKEN_KEY_LENGTH]
        obj.created_by_id = _user_id(request)
        if not _is_superuser(request):
            obj.user_id = _user_id(request)
        super().save_model(request, obj, form, change)
        shown = format_html(
            'Copy the key now, it is not shown again: <code class="mlapi-key">{}</code>', key
        )
        self.message_user(request, shown, messages.WARNING)

    @admin.action(description="Revoke the selected keys", permissions=["revoke"])
    def revoke(self, request: HttpRequest, queryset: QuerySet[ApiKey]) -> None:
        """They stop working within a second, everywhere."""
        in_use = list(queryset.filter(revoked_at=None))
        queryset.filter(revoked_at=None).update(revoked_at=datetime.now(UTC))
        LogEntry.objects.log_actions(_user_id(request), in_use, CHANGE, "Revoked.")
        self.message_user(request, f"Revoked: {len(in_use)}. They stop working within a second.")

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


class WrittenByCelery(ModelAdmin):  # type: ignore[misc]
    """Rows that nobody adds or edits here."""

    ordering = ("-date_done",)
    empty_hint = "Tasks that keep a result in Celery's own table show up here by themselves."

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


@admin.register(TaskResult)
class TaskResultAdmin(WrittenByCelery):
    list_display = ("task_id", "task_name", "status", "worker", "date_done")
    list_filter = ("status", "task_name")
    search_fields = ("task_id", "task_name")
    search_help_text = "Search by task id or name"


@admin.register(GroupResult)
class GroupResultAdmin(WrittenByCelery):
    list_display = ("group_id", "date_done")
    search_fields = ("group_id",)
    search_help_text = "Search by group id"


def _is_superuser(request: HttpRequest) -> bool:
    return bool(getattr(request.user, "is_superuser", False))


def _user_id(request: HttpRequest) -> int:
    assert request.user.pk is not None  # the admin lets nobody in who is not signed in
    return request.user.pk
