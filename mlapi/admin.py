"""Admin pages of what is nobody else's: users, groups, Celery's raw results."""

from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin as DjangoGroupAdmin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group, User
from django.db.models import Model
from django.http import HttpRequest
from django_celery_beat.models import (
    ClockedSchedule,
    CrontabSchedule,
    IntervalSchedule,
    PeriodicTask,
    SolarSchedule,
)
from django_celery_results.models import GroupResult, TaskResult
from unfold.admin import ModelAdmin
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

from mlapi import key_admin  # noqa: F401 - its being imported registers it

for bare in (User, Group, TaskResult, GroupResult):
    admin.site.unregister(bare)
for raw in (PeriodicTask, CrontabSchedule, IntervalSchedule, SolarSchedule, ClockedSchedule):
    admin.site.unregister(raw)  # they would take any task: staff schedule retrainings, by name


class ForSuperusers:
    """Mixed into an admin. Whoever changes people or groups can give themselves every right: only
    superusers do, whatever permissions others have; those let them look.
    """

    def has_add_permission(self, request: HttpRequest) -> bool:
        return request.user.is_superuser

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return request.user.is_superuser

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Not oneself: the audit trail names who did it."""
        return request.user.is_superuser and obj != request.user


@admin.register(User)
class UserAdmin(ForSuperusers, DjangoUserAdmin, ModelAdmin):  # type: ignore[misc, type-arg]  # no types in unfold
    form = UserChangeForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm


@admin.register(Group)
class GroupAdmin(ForSuperusers, DjangoGroupAdmin, ModelAdmin):  # type: ignore[misc]
    pass


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
