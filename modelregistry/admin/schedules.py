"""Schedules: which model is fitted anew when, and by how much the new version has to win."""

import json
from copy import copy
from typing import Any

from django.contrib import admin
from django.contrib.auth.models import User
from django.db import connection, transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django_celery_beat.models import PeriodicTasks
from unfold.admin import ModelAdmin

from jobs.models import Job
from jobs.scheduling import OWNER
from modelregistry.admin.reading import badge, named
from modelregistry.admin.schedule_form import ScheduleForm, model_field, refusal_of
from modelregistry.admin.starting import job_link, may_start
from modelregistry.models import RETRAIN, RegisteredModel, ScheduledRetraining
from modelregistry.permissions import PROMOTE

SHOWN = ("next_shown", "last", "runs_as")
NOBODY = "nobody: save it again"
MOODS = {"succeeded": "success", "failed": "danger", "dead": "danger", "cancelled": "warning"}


@admin.register(ScheduledRetraining)
class ScheduleAdmin(ModelAdmin):  # type: ignore[misc]  # unfold has no types
    form = ScheduleForm
    fields = (
        "retrained", "every", "period", "at", "promote_if_better_by", "enabled", *SHOWN,
    )  # fmt: skip
    readonly_fields = SHOWN
    list_display = (
        "model_name", "rhythm_shown", "margin_shown", "enabled", *SHOWN,
    )  # fmt: skip
    list_filter = ("enabled",)
    list_select_related = ("interval", "crontab")
    search_fields = ("name",)
    search_help_text = "Search by model"
    empty_hint = "A schedule has a worker fit a model anew, again and again. Add the first one."
    actions = ("pause", "resume")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return bool(super().has_add_permission(request)) and may_start(RETRAIN, request)

    def has_change_permission(
        self, request: HttpRequest, obj: ScheduledRetraining | None = None
    ) -> bool:
        return bool(super().has_change_permission(request, obj)) and may_start(RETRAIN, request)

    def get_queryset(self, request: HttpRequest) -> QuerySet[ScheduledRetraining]:
        """Of models that who looks sees; a schedule names its model in JSON."""
        rows: QuerySet[ScheduledRetraining] = super().get_queryset(request)
        seen = RegisteredModel.objects.visible_to(request.user)
        unseen = {*RegisteredModel.objects.exclude(pk__in=seen).values_list("name", flat=True)}
        return rows.exclude(pk__in=[row.pk for row in rows if row.model_name in unseen])

    def get_fields(self, request: HttpRequest, obj: ScheduledRetraining | None = None) -> Any:
        return self.fields if obj else self.fields[: -len(SHOWN)]

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Django's own is one transaction: what is read of a model's rows is read before."""
        page = copy(self)
        page.form = self._form_for(request, new=object_id is None)
        answer: HttpResponse = super(ScheduleAdmin, page).changeform_view(
            request, object_id, form_url, extra_context
        )
        return answer

    def _form_for(self, request: HttpRequest, *, new: bool) -> type[ScheduleForm]:
        class Asked(ScheduleForm):
            may_promote = request.user.has_perm(PROMOTE)
            retrained = model_field(request.user)

        may_save = self.has_add_permission if new else self.has_change_permission
        if request.method == "POST" and may_save(request):
            Asked.refusal = refusal_of(request.POST.get("retrained"), request.user)
        return Asked

    def get_object(
        self, request: HttpRequest, object_id: str, from_field: str | None = None
    ) -> ScheduledRetraining | None:
        """A row that is about to be changed is held: whoever else writes it has done so, or waits.

        None where it is gone by then. A page outside of a transaction changes nothing.
        """
        row: ScheduledRetraining | None = super().get_object(request, object_id, from_field)
        if row is None or request.method != "POST" or not connection.in_atomic_block:
            return row
        return ScheduledRetraining.objects.select_for_update().filter(pk=row.pk).first()

    def save_model(
        self, request: HttpRequest, obj: ScheduledRetraining, form: ScheduleForm, change: bool
    ) -> None:
        """Who saves a schedule answers for it: its jobs are theirs, and need their permissions."""
        for kind in ("interval", "crontab"):
            if (rhythm := getattr(obj, kind)) is not None and rhythm.pk is None:
                rhythm.save()
                setattr(obj, kind, rhythm)
        obj.headers = _answered_for_by(request)
        if change:
            obj.keep_changes(form.before)
        else:
            obj.save()

    def delete_queryset(
        self, request: HttpRequest, queryset: QuerySet[ScheduledRetraining]
    ) -> None:
        super().delete_queryset(request, queryset)
        PeriodicTasks.update_changed()

    @admin.action(description="Pause the selected schedules", permissions=["change"])
    def pause(self, request: HttpRequest, queryset: QuerySet[ScheduledRetraining]) -> None:
        self._switch(request, queryset, enabled=False)

    @admin.action(description="Resume the selected schedules", permissions=["change"])
    def resume(self, request: HttpRequest, queryset: QuerySet[ScheduledRetraining]) -> None:
        self._switch(request, queryset, enabled=True)

    @transaction.atomic
    def _switch(
        self, request: HttpRequest, rows: QuerySet[ScheduledRetraining], *, enabled: bool
    ) -> None:
        """Who resumes a schedule answers for it, as who saves it does."""
        held = rows.select_for_update(of=("self",))  # and not the rhythms beside them
        changed = [row for row in held if row.enabled != enabled]
        for row in changed:
            before, row.enabled = row.said, enabled
            if enabled:
                row.headers = _answered_for_by(request)
            row.keep_changes(before)
        self.message_user(request, f"{'Resumed' if enabled else 'Paused'}: {len(changed)}.")

    @admin.display(description="Model", ordering="name")
    def model_name(self, row: ScheduledRetraining) -> str:
        return row.model_name

    @admin.display(description="When")
    def rhythm_shown(self, row: ScheduledRetraining) -> str:
        return row.rhythm

    @admin.display(description="Promoted")
    def margin_shown(self, row: ScheduledRetraining) -> str:
        return "by hand" if row.margin is None else f"if better by {row.margin:g}"

    @admin.display(description="Next run")
    def next_shown(self, row: ScheduledRetraining) -> str:
        return date_format(row.next_run, "DATETIME_FORMAT") if row.next_run else "paused"

    @admin.display(description="Runs as")
    def runs_as(self, row: ScheduledRetraining) -> str:
        """Whose the jobs are, as beat sees it."""
        pk = json.loads(row.headers or "{}").get(OWNER)
        owner = User.objects.filter(pk=pk, is_active=True).first()
        return NOBODY if pk is not None and owner is None else named(owner)

    @admin.display(description="Last run")
    def last(self, row: ScheduledRetraining) -> str | SafeString:
        """The newest that a schedule of this model has started, or why this one started none."""
        if row.description:
            return str(row.description)
        jobs = Job.objects.filter(kind=RETRAIN, origin=Job.Origin.SCHEDULE)
        job = jobs.filter(subject_label=row.model_name).first()
        if job is None:
            return "none yet"
        mood = MOODS.get(job.state, "info")
        when = date_format(job.created_at, "DATETIME_FORMAT")
        return format_html("{} {}", badge(job.state, mood), job_link(job, when))


def _answered_for_by(request: HttpRequest) -> str:
    """The headers of a schedule: its jobs are whose request it is."""
    return json.dumps({OWNER: request.user.pk})
