"""Jobs as staff see them. Rows are written by services and workers; here one looks, cancels and
retries."""

from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

from django.contrib import admin, messages
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.db.models import Model, QuerySet
from django.forms import Script
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.views.decorators.http import require_POST
from unfold.admin import ModelAdmin
from unfold.paginator import InfinitePaginator

from jobs import services
from jobs.access import CANCEL_JOB, NOT_IN_LISTS, may_act, visible_to
from jobs.admin import showing
from jobs.admin.narrowing import ByKind, ByOwner, ByState, with_id
from jobs.admin.page import page_of
from jobs.errors import JobError
from jobs.filters import Filters
from jobs.models import Job

EMPTY = "Jobs show up here by themselves: queued predictions, retraining, conversion, load tests."


@admin.register(Job)
class JobAdmin(ModelAdmin):  # type: ignore[misc]  # unfold has no types
    list_display = (
        "title", "state_shown", "progress", "subject", "owner", "waited", "ran", "created",
    )  # fmt: skip
    list_filter = (ByState, ByKind, ByOwner)
    list_filter_submit = False
    list_select_related = ("owner",)
    list_per_page = 50
    list_before_template = "admin/jobs/list_before.html"
    change_form_before_template = "admin/jobs/page.html"
    search_fields = ("id",)
    search_help_text = "Search by id, or the beginning of one"
    sortable_by = ("created",)
    show_full_result_count = False
    paginator = InfinitePaginator
    actions = ("cancel_selected", "retry_selected")
    empty_hint = EMPTY

    class Media:
        css = {"all": ("jobs/jobs.css",)}

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Jobs are started where their subject is."""
        return False

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    def has_view_permission(self, request: HttpRequest, obj: Job | None = None) -> bool:
        """As in REST: staff see their own jobs, and all with the permission."""
        own = self.admin_site.has_permission(request) if obj is None else obj.owner == request.user
        return own or bool(super().has_view_permission(request, obj))

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_act_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(CANCEL_JOB)

    def get_urls(self) -> list[URLPattern]:
        pages = [(word, getattr(self, f"{word}_job")) for word in ("cancel", "retry")]
        own = [
            path(f"<uuid:job_id>/{word}/", self._posted(view), name=f"jobs_job_{word}")
            for word, view in pages
        ]
        return own + list(super().get_urls())

    def _posted(self, view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
        guarded: Callable[..., HttpResponse] = self.admin_site.admin_view(view)
        return require_POST(guarded)

    def get_fieldsets(self, request: HttpRequest, obj: Job | None = None) -> list[Any]:
        """None: the page's own template shows what may be shown."""
        return []

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Job], search_term: str
    ) -> tuple[QuerySet[Job], bool]:
        return (with_id(queryset, search_term) if search_term else queryset), False

    def get_paginator(self, *args: Any, **options: Any) -> InfinitePaginator:
        """Told where there are other pages; unfold knows by its class that nothing is counted."""
        pages = super().get_paginator(*args, **options)
        pages.template_name = "admin/jobs/pages.html"
        return pages

    def get_queryset(self, request: HttpRequest) -> QuerySet[Job]:
        jobs = visible_to(request.user)
        match = request.resolver_match
        listed = match is not None and match.url_name == "jobs_job_changelist"
        return jobs.defer(*NOT_IN_LISTS) if listed else jobs

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> TemplateResponse:
        query = {k: v for k, v in request.GET.items() if k in Filters.__struct_fields__ and v}
        words = urlencode(query)
        live = {
            "socket": f"/ws/jobs/?{words}",
            "api": f"{reverse('job-list')}?{words}",
            "grows": request.GET.keys() <= query.keys(),  # the first page, in its own order
            "badges": showing.BADGES,
            "scripts": Script("jobs/list.js", type="module"),
        }
        context = {"live": live, "title": "Jobs", **(extra_context or {})}
        return super().changelist_view(request, context)  # type: ignore[no-any-return]

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        job = self.get_object(request, object_id)
        shown = None if job is None else page_of(job, request.user)
        own = {"shown": shown, "badges": showing.BADGES, "show_history": False}  # nobody edits jobs
        context = {**own, **(extra_context or {})}
        return super().change_view(request, object_id, form_url, context)  # type: ignore[no-any-return]

    def cancel_job(self, request: HttpRequest, job_id: str) -> HttpResponse:
        """POST, from the button on the job's page."""
        job = self._to_act_on(request, job_id)
        try:
            services.cancel(job=job, actor=_acting(request))
        except JobError as error:
            self.message_user(request, str(error), messages.WARNING)
        return _page(job)

    def retry_job(self, request: HttpRequest, job_id: str) -> HttpResponse:
        """POST; the new job's page opens."""
        job = self._to_act_on(request, job_id)
        try:
            return _page(services.retry(job=job, actor=_acting(request)))
        except JobError as error:
            self.message_user(request, str(error), messages.WARNING)
            return _page(job)

    def _to_act_on(self, request: HttpRequest, job_id: str) -> Job:
        """One they see: all others are unknown, whoever they belong to."""
        job: Job = get_object_or_404(visible_to(request.user), pk=job_id)
        if not may_act(request.user, job):
            raise PermissionDenied
        return job

    @admin.action(description="Cancel", permissions=["act"])
    def cancel_selected(self, request: HttpRequest, queryset: QuerySet[Job]) -> None:
        self._each(request, queryset, services.cancel, "cancelled, or asked to stop")

    @admin.action(description="Retry", permissions=["act"])
    def retry_selected(self, request: HttpRequest, queryset: QuerySet[Job]) -> None:
        self._each(request, queryset, services.retry, "queued again")

    def _each(
        self, request: HttpRequest, jobs: QuerySet[Job], act: Callable[..., object], done: str
    ) -> None:
        refused = []
        for job in (jobs := jobs.defer(None)):
            try:
                act(job=job, actor=_acting(request))
            except JobError as error:
                refused.append(f"{job.pk}: {error}")
        self.message_user(request, f"{len(jobs) - len(refused)} {done}.")
        for sentence in refused:
            self.message_user(request, sentence, messages.WARNING)

    @admin.display(description="Job")
    def title(self, job: Job) -> SafeString:
        words = '<span data-job="{}">{}</span> <small class="job-id">{}</small>'
        return format_html(words, job.pk, job.title, str(job.pk)[:8])

    @admin.display(description="State")
    def state_shown(self, job: Job) -> SafeString:
        return showing.state_badge(job)

    @admin.display(description="Progress")
    def progress(self, job: Job) -> SafeString:
        return showing.progress_bar(job)

    @admin.display(description="Subject")
    def subject(self, job: Job) -> str:
        return showing.subject_link(job)

    @admin.display(description="Waited")
    def waited(self, job: Job) -> SafeString:
        return showing.waited(job, timezone.now())

    @admin.display(description="Ran")
    def ran(self, job: Job) -> SafeString:
        return showing.ran(job, timezone.now())

    @admin.display(description="Created", ordering="created_at")
    def created(self, job: Job) -> SafeString:
        return showing.moment(job.created_at)


def _acting(request: HttpRequest) -> User:
    assert isinstance(request.user, User)  # the admin lets nobody in who is not signed in
    return request.user


def _page(job: Job) -> HttpResponse:
    return HttpResponseRedirect(reverse("admin:jobs_job_change", args=[job.pk]))
