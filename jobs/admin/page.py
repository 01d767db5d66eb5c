"""What a job's page shows besides its fields: how it is doing, its log, what it came to."""

import json
from dataclasses import dataclass
from datetime import datetime

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser, PermissionsMixin
from django.forms import Script
from django.urls import reverse
from django.utils import timezone
from django.utils.safestring import SafeString

from jobs.access import may_act
from jobs.admin import showing
from jobs.models import Job, JobEvent
from jobs.panels import panel_of
from jobs.states import SUCCEEDED

LINES = 200
MOST_CHARACTERS = 20_000


@dataclass(frozen=True, slots=True, kw_only=True)
class JobPage:
    job: Job
    now: datetime
    api: str
    socket: str
    lines: list[JobEvent]
    may_act: bool
    traceback: str
    panel: SafeString | None

    @property
    def script(self) -> Script:
        return Script("jobs/page.js", type="module")

    @property
    def state(self) -> SafeString:
        return showing.state_badge(self.job)

    @property
    def progress(self) -> SafeString:
        return showing.progress_bar(self.job)

    @property
    def waited(self) -> SafeString:
        return showing.waited(self.job, self.now)

    @property
    def ran(self) -> SafeString:
        return showing.ran(self.job, self.now)

    @property
    def can_be_cancelled(self) -> bool:
        return not self.job.is_terminal and self.job.cancel_requested_at is None

    @property
    def can_be_retried(self) -> bool:
        return self.job.is_terminal and self.job.state != SUCCEEDED

    @property
    def stage(self) -> str:
        """Another word whenever what is not shown live is to be fetched anew."""
        return f"{self.job.state} {self.job.attempt}"

    @property
    def subject(self) -> str:
        return showing.subject_link(self.job)

    @property
    def moments(self) -> list[tuple[str, SafeString]]:
        times = ("created_at", "not_before", "started_at", "finished_at")
        return [
            (name.removesuffix("_at").replace("_", " ").capitalize(), showing.moment(at))
            for name in times
            if (at := getattr(self.job, name)) is not None
        ]

    @property
    def params(self) -> str:
        return json.dumps(self.job.params, ensure_ascii=False)[:MOST_CHARACTERS]

    @property
    def result(self) -> str:
        """The result as text, its beginning where it is long."""
        return json.dumps(self.job.result, indent=2, ensure_ascii=False)[:MOST_CHARACTERS]

    @property
    def succeeded(self) -> bool:
        return self.job.state == SUCCEEDED


def page_of(job: Job, user: AbstractBaseUser | AnonymousUser) -> JobPage:
    lines = JobEvent.objects.filter(job=job).order_by("-seq")[:LINES]
    trusted = isinstance(user, PermissionsMixin) and user.has_perm("jobs.read_traceback")
    return JobPage(
        job=job,
        now=timezone.now(),
        api=f"{reverse('job-detail', args=[job.pk])}/",
        socket=f"/ws/jobs/{job.pk}/",
        lines=sorted(lines, key=lambda line: line.seq),
        may_act=may_act(user, job),
        traceback=job.traceback if trusted else "",
        panel=panel_of(job),
    )
