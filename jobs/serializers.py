"""Shapes of jobs in REST and on WebSockets; no behaviour."""

from typing import Annotated

import msgspec
from django.urls import NoReverseMatch, reverse
from django.utils import timezone
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from jobs.filters import Moment
from jobs.kinds import Kind
from jobs.models import Job, JobEvent
from jobs.states import RUNNING, STATES


class Submission(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of a submit, decoded strictly."""

    kind: str
    params: dict[str, object] = {}
    priority: Annotated[int, msgspec.Meta(ge=0, le=9)] = 0
    not_before: Moment | None = None


class SubmissionSerializer(serializers.Serializer[object]):
    """The same, for the API's documentation."""

    kind = serializers.CharField()
    params = serializers.DictField(required=False, help_text="as the kind's params_schema says")
    priority = serializers.IntegerField(
        required=False, min_value=0, max_value=9, help_text="0 runs first, 9 last"
    )
    not_before = serializers.DateTimeField(
        required=False, allow_null=True, help_text="with its zone, a hundred years ahead at most"
    )


class ProgressSerializer(serializers.Serializer[Job]):
    done = serializers.IntegerField(source="progress_done")
    total = serializers.IntegerField(source="progress_total")
    stage = serializers.CharField(source="progress_stage")
    eta_s = serializers.SerializerMethodField()

    def get_eta_s(self, job: Job) -> float | None:
        """Seconds left at the pace so far; null before there is one, and after the end."""
        done, total = job.progress_done, job.progress_total
        if job.state != RUNNING or job.started_at is None or not done or not total:
            return None
        spent = (timezone.now() - job.started_at).total_seconds()
        return round(max(spent * (total - done) / done, 0.0), 1)


class ErrorSerializer(serializers.Serializer[Job]):
    code = serializers.CharField(source="error_code")
    detail = serializers.CharField(source="error_detail")


class SubjectSerializer(serializers.Serializer[Job]):
    label = serializers.CharField(source="subject_label")  # type: ignore[assignment]  # DRF's name
    url = serializers.SerializerMethodField()

    def get_url(self, job: Job) -> str | None:
        """Its page in the admin, where it has one."""
        return subject_url(job)


class JobLineSerializer(serializers.ModelSerializer[Job]):
    """A job as lists show it: without its result, which may be large."""

    progress = serializers.SerializerMethodField()
    error = serializers.SerializerMethodField()
    owner = serializers.CharField(source="owner.username", allow_null=True, default=None)
    subject = serializers.SerializerMethodField()
    state = serializers.ChoiceField(choices=STATES)
    seq = serializers.IntegerField(help_text="grows with every change")

    class Meta:
        model = Job
        fields = [
            "id", "kind", "state", "progress", "attempt", "max_attempts", "error", "owner",
            "subject", "parent", "origin", "priority", "not_before", "created_at", "started_at",
            "finished_at", "cancel_requested_at", "seq",
        ]  # fmt: skip

    @extend_schema_field(ProgressSerializer(allow_null=True))
    def get_progress(self, job: Job) -> object:
        if job.progress_done is None and not job.progress_stage:
            return None
        return ProgressSerializer(job).data

    @extend_schema_field(ErrorSerializer(allow_null=True))
    def get_error(self, job: Job) -> object:
        return ErrorSerializer(job).data if job.error_code else None

    @extend_schema_field(SubjectSerializer(allow_null=True))
    def get_subject(self, job: Job) -> object:
        return SubjectSerializer(job).data if job.subject_label else None


class JobSerializer(JobLineSerializer):
    """A job, whole."""

    result = serializers.JSONField(allow_null=True)

    class Meta(JobLineSerializer.Meta):
        fields = [*JobLineSerializer.Meta.fields, "result"]


class EventSerializer(serializers.ModelSerializer[JobEvent]):
    class Meta:
        model = JobEvent
        fields = ["seq", "at", "level", "message"]


class KindSerializer(serializers.Serializer[Kind]):
    kind = serializers.CharField(source="name")
    title = serializers.CharField()
    params_schema = serializers.DictField(help_text="JSON Schema of what `params` may hold")


class TaskSerializer(serializers.Serializer[object]):
    """What the tutorial's clients read of a task."""

    task_id = serializers.UUIDField()
    status = serializers.ChoiceField(choices=["pending", "completed", "failed"])
    state = serializers.ChoiceField(
        choices=["PENDING", "STARTED", "RETRY"], required=False, help_text="while pending"
    )
    result = serializers.JSONField(required=False, help_text="when completed")
    error = serializers.CharField(required=False, help_text="when failed")


class ActiveTasksSerializer(serializers.Serializer[object]):
    """By worker, what it says that it runs and that it holds for later."""

    active_tasks = serializers.DictField(child=serializers.ListField())
    scheduled_tasks = serializers.DictField(child=serializers.ListField())


def subject_url(job: Job) -> str | None:
    if not job.subject_view:
        return None
    try:
        return reverse(job.subject_view, args=[job.subject_id])
    except NoReverseMatch:
        return None
