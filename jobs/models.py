"""Jobs and their log. Every change is a guarded UPDATE that says whether it won.

The guard is state and attempt: who has lost the job to somebody else changes nothing any more.
"""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import models, transaction
from django.db.models import F, Q
from django.db.models.expressions import Combinable
from django.db.models.functions import Now
from django.utils import timezone

from jobs import kinds, states
from jobs.errors import UnknownJob, UnknownKind

STATE_CHOICES = [(state, state) for state in states.STATES]


@dataclass(frozen=True, slots=True)
class Line:
    """What the log says."""

    message: str
    at: datetime
    level: str = "info"


class JobQuerySet(models.QuerySet["Job"]):
    def find(self, job_id: uuid.UUID | str) -> "Job":
        """Raises UnknownJob, for words that are no id too."""
        try:
            return self.get(pk=uuid.UUID(str(job_id)))
        except (ValueError, Job.DoesNotExist):
            raise UnknownJob("There is no job with this id.") from None

    def held(self, job: "Job") -> "JobQuerySet":
        """The row, as long as state and attempt are those of `job`."""
        return self.filter(pk=job.pk, state=job.state, attempt=job.attempt)

    def has(self, job_id: uuid.UUID, attempt: int) -> bool:
        """Whether that attempt is at work; nobody takes it away before the transaction ends."""
        ours = self.filter(pk=job_id, state=states.RUNNING, attempt=attempt)
        return ours.select_for_update().values_list("pk", flat=True).first() is not None

    def move(self, job: "Job", to: str, line: Line, **facts: Any) -> bool:
        """Change the state, with its line in the log; False where somebody else was first.

        After a move that won, `job` shows the row as it is.
        """
        if not states.is_legal(job.state, to):
            raise ValueError(f"A job never goes from {job.state} to {to}.")
        facts |= {"state": to}
        with transaction.atomic():
            if not self.held(job).update(seq=F("seq") + 1, **facts):
                return False
            job.seq = Job.objects.values_list("seq", flat=True).get(pk=job.pk)
            JobEvent.of(job, line, seq=job.seq, state=to).save(force_insert=True)
        job.show(facts)
        return True

    def keep(self, job: "Job", lines: Sequence[Line], **facts: Any) -> bool:
        """Note facts and lines of a job that keeps its state; False where it was lost.

        After a change that won, `job` shows its facts, `seq` and whether it is to be cancelled.
        """
        with transaction.atomic():
            if not self.held(job).update(seq=F("seq") + 1 + len(lines), **facts):
                return False
            fresh = Job.objects.values("seq", "cancel_requested_at").get(pk=job.pk)
            first = fresh["seq"] - len(lines)
            JobEvent.objects.bulk_create(
                JobEvent.of(job, line, seq=first + i) for i, line in enumerate(lines)
            )
        job.show(facts | fresh)
        return True

    def publishable(self, now: datetime) -> "JobQuerySet":
        """Queued and due, and the broker was not told."""
        due = Q(not_before=None) | Q(not_before__lte=now)
        return self.filter(due, state=states.QUEUED, published_at=None)

    def published(self) -> "JobQuerySet":
        """Queued, and the broker was told."""
        return self.filter(state=states.QUEUED, published_at__isnull=False)

    def may_run(self, *, ended_after: datetime) -> "JobQuerySet":
        """Those that run, will run, or may be tried again: what ended after that time without
        success, as long as no retry of it has succeeded.
        """
        given_up = Q(finished_at__lte=ended_after) | Q(children__state=states.SUCCEEDED)
        return self.exclude(state=states.SUCCEEDED).exclude(given_up, state__in=states.TERMINAL)

    def orphaned(self) -> "JobQuerySet":
        """Running, says the row, but nobody has been heard of for the length of a lease.

        Leases are written and read by the database's clock: machines' clocks differ.
        """
        return self.filter(state=states.RUNNING, lease_until__lt=Now())


class Job(models.Model):
    """A piece of work: what is to be done, for whom, and how far it is."""

    class Origin(models.TextChoices):
        REST = "rest"
        ADMIN = "admin"
        TUTORIAL = "tutorial"
        DIRECT = "direct"
        COMMAND = "command"
        SCHEDULE = "schedule"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    kind = models.CharField(max_length=64)
    state = models.CharField(max_length=16, choices=STATE_CHOICES, default=states.QUEUED)
    params = models.JSONField(default=dict)
    result = models.JSONField(null=True)
    error_code = models.CharField(max_length=64, blank=True)
    error_detail = models.TextField(blank=True)
    traceback = models.TextField(blank=True)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="jobs", db_index=False
    )
    origin = models.CharField(max_length=16, choices=Origin, default=Origin.REST)
    subject_label = models.CharField(max_length=200, blank=True)
    subject_view = models.CharField(max_length=100, blank=True)
    subject_id = models.CharField(max_length=64, blank=True)
    parent = models.ForeignKey("self", models.SET_NULL, null=True, related_name="children")
    # A digest of owner and Idempotency-Key; null, which is never equal to null, without a key.
    idempotency = models.CharField(max_length=64, null=True, unique=True)  # noqa: DJ001
    attempt = models.PositiveIntegerField(default=0)  # how often it was claimed
    max_attempts = models.PositiveIntegerField(default=3)
    priority = models.PositiveSmallIntegerField(default=0)  # 0 runs first, 9 last
    not_before = models.DateTimeField(null=True)
    created_at = models.DateTimeField(default=timezone.now)
    published_at = models.DateTimeField(null=True)  # when the broker was last told
    started_at = models.DateTimeField(null=True)  # when it was last claimed
    finished_at = models.DateTimeField(null=True)
    heartbeat_at = models.DateTimeField(null=True)
    lease_until = models.DateTimeField(null=True)
    worker = models.CharField(max_length=255, blank=True)
    cancel_requested_at = models.DateTimeField(null=True)
    progress_done = models.PositiveBigIntegerField(null=True)
    progress_total = models.PositiveBigIntegerField(null=True)
    progress_stage = models.CharField(max_length=200, blank=True)
    seq = models.PositiveBigIntegerField(default=0)  # grows with every change that can be seen

    objects = JobQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "-id"]
        permissions = [
            ("cancel_job", "Can cancel and retry any job"),
            ("read_traceback", "Can read the traceback of a failed job"),
        ]
        indexes = [
            models.Index(fields=["-created_at", "-id"], name="job_by_age"),
            models.Index(fields=["state", "-created_at", "-id"], name="job_by_state"),
            models.Index(fields=["kind", "-created_at", "-id"], name="job_by_kind"),
            models.Index(fields=["owner", "-created_at", "-id"], name="job_by_owner"),
        ]
        constraints = [
            models.CheckConstraint(condition=Q(state__in=states.STATES), name="job_state_is_known"),
            models.CheckConstraint(condition=Q(priority__lte=9), name="job_priority_to_9"),
        ]

    def __str__(self) -> str:
        return f"{self.title} {str(self.pk)[:8]}"

    @property
    def title(self) -> str:
        """Its kind's; the name of a kind that nobody records any more."""
        try:
            return kinds.find(self.kind).title
        except UnknownKind:
            return self.kind

    @property
    def is_terminal(self) -> bool:
        return self.state in states.TERMINAL

    def show(self, facts: dict[str, Any]) -> None:
        """Take over what an UPDATE has written, but for what the database has computed."""
        for name, value in facts.items():
            if not isinstance(value, Combinable):
                setattr(self, name, value)


class JobEvent(models.Model):
    """One line of a job's log; `state` is set where the line is a change of state."""

    job = models.ForeignKey(Job, models.CASCADE, related_name="events", db_index=False)
    seq = models.PositiveBigIntegerField()
    at = models.DateTimeField(default=timezone.now)
    level = models.CharField(max_length=16, default="info")
    message = models.TextField()
    state = models.CharField(max_length=16, blank=True, choices=STATE_CHOICES)

    class Meta:
        ordering = ["job", "seq"]
        constraints = [
            models.UniqueConstraint(fields=["job", "seq"], name="event_seq_is_unique"),
            models.UniqueConstraint(
                fields=["job"],
                condition=Q(state__in=states.TERMINAL),
                name="event_is_terminal_once",
            ),
        ]

    def __str__(self) -> str:
        return self.message

    @classmethod
    def of(cls, job: Job, line: Line, *, seq: int, state: str = "") -> "JobEvent":
        return cls(
            job=job, seq=seq, at=line.at, level=line.level, message=line.message, state=state
        )
