"""What the admin's front page and its sidebar show."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from auditlog.models import LogEntry
from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.db.models import Model, Q
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.safestring import SafeString
from django_celery_results.models import GroupResult, TaskResult

from jobs.access import NOT_IN_LISTS, VIEW_JOB, visible_to
from jobs.admin.showing import NOTHING, state_badge, subject_link
from jobs.models import Job
from jobs.states import DEAD, FAILED, QUEUED, RUNNING
from mlapi.auditing import READING
from mlapi.health import broker_follower
from mlapi.models import ApiKey
from modelregistry.admin.for_groups import open_to
from modelregistry.models import (
    CHAMPION,
    Alias,
    ModelVersion,
    RegisteredModel,
    ScheduledRetraining,
)
from modelregistry.models.model import RegisteredModelQuerySet
from modelregistry.models.version import ModelVersionQuerySet
from modelregistry.permissions import VIEW_MODEL
from predictions.runtime import models as serving
from predictions.serving.errors import ServingError

JOBS_SHOWN = 5  # of each kind
OPEN_TO = {"public": "anyone", "signed-in": "holders of a key"}
FAILED_WITHIN = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Check:
    """One thing the service needs, and whether it is there."""

    name: str
    good: bool
    note: str


@dataclass(frozen=True, slots=True)
class Figure:
    """A number, and the page that has the rows behind it."""

    title: str
    value: int
    note: str
    href: str
    alarm: str = ""  # what is wrong with some of the rows
    alarm_href: str = ""  # the page that has those


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelLine:
    """A model and its champion, as the table shows them."""

    name: str
    href: str
    task: str
    open_to: str
    versions: int
    champion: ModelVersion | None
    champion_href: str
    state: str
    mood: str  # unfold's word for the label's colour
    updated_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class JobLine:
    """A job that runs, or one that somebody should look at."""

    title: str
    href: str
    badge: SafeString
    subject: str
    owner: str
    since: datetime
    error: str


def front_page(request: HttpRequest, context: dict[str, object]) -> dict[str, object]:
    """UNFOLD's DASHBOARD_CALLBACK."""
    context["title"] = "Dashboard"
    context["checks"] = list(_checks())
    context["figures"] = list(_figures(request))
    context["permitted"] = bool(request.user.get_all_permissions())
    if request.user.has_perm(VIEW_MODEL):
        context["model_lines"] = _model_lines(request)
    if request.user.has_perm(VIEW_JOB):
        context["job_lines"] = [_job_line(job) for job in _notable_jobs(request)]
    return context


def _checks() -> Iterator[Check]:
    yield Check("Database", good=True, note="answers")  # this page was read from it
    lost = broker_follower.fault is not None or not broker_follower.has_read
    yield Check("Broker", good=not lost, note="does not answer" if lost else "answers")
    name = settings.DEFAULT_MODEL
    try:
        live = serving.engine.live(name).identity
        trouble = serving.troubles.get(name)
        note = trouble.sentence if trouble else f"{name} version {live.version}"
        yield Check("Default model", good=trouble is None, note=note)
    except ServingError:
        yield Check("Default model", good=False, note=f"{name} has no live version")


def _figures(request: HttpRequest) -> Iterator[Figure]:
    shown = (
        (Job, "Jobs running", _jobs_running),
        (RegisteredModel, "Models", _live_models),
        (ModelVersion, "Versions", _ready_versions),
        (ApiKey, "API keys", _keys_in_use),
        (get_user_model(), "Users", _active_users),
    )
    for model, title, count in shown:
        if request.user.has_perm(_view_permission(model)):
            value, note = count(request)
            figure = Figure(title, value, note, _list_page(model))
            yield _alarmed(figure, request) if model is ModelVersion else figure


def _alarmed(versions: Figure, request: HttpRequest) -> Figure:
    """With those that are broken, where there are any."""
    broken = _versions(request).filter(state=ModelVersion.State.BROKEN).count()
    if not broken:
        return versions
    href = f"{versions.href}?state__exact={ModelVersion.State.BROKEN}"
    return replace(versions, alarm=f"{broken} broken", alarm_href=href)


def _jobs_running(request: HttpRequest) -> tuple[int, str]:
    jobs = visible_to(request.user)
    return jobs.filter(state=RUNNING).count(), f"{jobs.filter(state=QUEUED).count()} queued"


def _notable_jobs(request: HttpRequest) -> list[Job]:
    """The newest that run, and those of the last day that went wrong."""
    jobs = visible_to(request.user).defer(*NOT_IN_LISTS)
    lately = timezone.now() - FAILED_WITHIN
    failed = jobs.filter(state__in=(FAILED, DEAD), created_at__gt=lately)
    return [*jobs.filter(state=RUNNING)[:JOBS_SHOWN], *failed[:JOBS_SHOWN]]


def _job_line(job: Job) -> JobLine:
    return JobLine(
        title=job.title,
        href=reverse("admin:jobs_job_change", args=[job.pk]),
        badge=state_badge(job),
        subject=subject_link(job),
        owner=job.owner.get_username() if job.owner else NOTHING,
        since=job.finished_at or job.started_at or job.created_at,
        error=job.error_detail,
    )


def _models(request: HttpRequest) -> RegisteredModelQuerySet:
    """Those that who looks sees, but for archived ones."""
    return RegisteredModel.objects.visible_to(request.user).filter(archived_at=None)


def _versions(request: HttpRequest) -> ModelVersionQuerySet:
    return ModelVersion.objects.filter(model__in=RegisteredModel.objects.visible_to(request.user))


def _live_models(request: HttpRequest) -> tuple[int, str]:
    named = _models(request)
    live = Alias.objects.filter(name=CHAMPION, model__in=named)
    return named.count(), f"{live.count()} with a champion"


def _ready_versions(request: HttpRequest) -> tuple[int, str]:
    versions = _versions(request)
    ready = versions.filter(state=ModelVersion.State.READY)
    return versions.count(), f"{ready.count()} ready"


def _keys_in_use(_request: HttpRequest) -> tuple[int, str]:
    lasting = Q(expiry=None) | Q(expiry__gt=timezone.now())
    keys = ApiKey.objects.filter(lasting, revoked_at=None, user__is_active=True)
    return keys.count(), "in use"


def _active_users(_request: HttpRequest) -> tuple[int, str]:
    return get_user_model().objects.filter(is_active=True).count(), "active"


def _model_lines(request: HttpRequest) -> list[ModelLine]:
    champions = {
        alias.model_id: alias.version
        for alias in Alias.objects.filter(name=CHAMPION).select_related("version")
    }
    answering = {identity.model: identity.version for identity in serving.engine.models()}
    rows = _models(request).with_activity().prefetch_related("groups")
    return [_line(row, champions.get(row.pk), answering.get(row.name)) for row in rows]


def _line(
    model: RegisteredModel, champion: ModelVersion | None, answering: int | None
) -> ModelLine:
    if champion is None:
        state, mood = "no champion", "default"
    elif champion.number == answering:
        state, mood = "answering", "success"
    elif answering is not None:
        state, mood = f"version {answering} answers", "danger"
    else:
        state, mood = "not loaded", "warning"
    return ModelLine(
        name=model.name,
        href=reverse("admin:modelregistry_registeredmodel_change", args=[model.pk]),
        task=model.get_task_display(),
        open_to=OPEN_TO.get(model.visibility) or open_to(model),
        versions=model.version_count,  # type: ignore[attr-defined]  # annotated
        champion=champion,
        champion_href=_change_page(champion) if champion else "",
        state=state,
        mood=mood,
        updated_at=model.updated_at,  # type: ignore[attr-defined]  # annotated
    )


def _change_page(version: ModelVersion) -> str:
    return reverse("admin:modelregistry_modelversion_change", args=[version.pk])


def sidebar(request: HttpRequest) -> list[dict[str, object]]:
    """UNFOLD's navigation: only what the user may see."""
    groups = (
        (
            "Serving",
            ((RegisteredModel, "Models", "network_node"), (ModelVersion, "Versions", "layers")),
        ),
        ("Work", ((Job, "Jobs", "work_history"),)),
        ("Schedules", ((ScheduledRetraining, "Retraining", "event_repeat"),)),
        (
            "Access",
            (
                (ApiKey, "API keys", "key"),
                (get_user_model(), "Users", "person"),
                (Group, "Groups", "group"),
            ),
        ),
        ("Audit", ((LogEntry, "Audit trail", "policy"),)),
        (
            "Raw results",
            ((TaskResult, "Tasks", "task"), (GroupResult, "Groups of tasks", "stacks")),
        ),
    )
    front = {"title": "Dashboard", "icon": "dashboard", "link": reverse("admin:index")}
    return [{"items": [front]}, *(_group(request, *group) for group in groups)]


def _group(
    request: HttpRequest, title: str, pages: tuple[tuple[type[Model], str, str], ...]
) -> dict[str, object]:
    items = [
        {"title": name, "icon": icon, "link": _list_page(model)}
        for model, name, icon in pages
        if request.user.has_perms(READING if model is LogEntry else [_view_permission(model)])
    ]
    return {"title": title, "items": items}


def _view_permission(model: type[Model]) -> str:
    return f"{model._meta.app_label}.view_{model._meta.model_name}"


def _list_page(model: type[Model]) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
