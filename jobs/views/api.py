"""Jobs in REST: submit, list, read, follow, cancel, retry. Other people's jobs are unknown."""

from datetime import datetime
from typing import Any

import msgspec
from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.exceptions import PermissionDenied
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from jobs import services
from jobs.access import NOT_IN_LISTS, may_act, visible_to
from jobs.errors import NoResult, NotFinished, WrongFilter, WrongParams
from jobs.filters import read_filters
from jobs.kinds import all_kinds, fault_of
from jobs.models import Job, JobEvent
from jobs.serializers import (
    EventSerializer,
    JobLineSerializer,
    JobSerializer,
    KindSerializer,
    Submission,
    SubmissionSerializer,
)
from jobs.states import SUCCEEDED
from jobs.views.paging import StrictCursors
from jobs.waiting import wait_of

MOST_EVENTS = 1000
FILTERS = [
    OpenApiParameter("kind"),
    OpenApiParameter("state"),
    OpenApiParameter("owner", description="a user's name"),
    OpenApiParameter("created_after", description="ISO 8601 with its zone"),
    OpenApiParameter("created_before", description="ISO 8601 with its zone"),
    OpenApiParameter("ids", description="with commas between them, 50 at most"),
]
IDEMPOTENCY = OpenApiParameter(
    "Idempotency-Key", location="header", description="the same key and body make one job"
)
WAIT = OpenApiParameter(
    "wait", int, description="seconds, 30 at most: answer on the next change or after that time"
)
AFTER = OpenApiParameter("after", int, description="the last seq one has")


class NewestFirst(StrictCursors):
    ordering = ("-created_at", "-id")
    page_size = 50

    def is_place(self, text: str) -> bool:
        """A time as str() writes those of the database."""
        try:
            return str(datetime.fromisoformat(text)) == text and text.endswith("+00:00")
        except ValueError:
            return False


class JobList(ListAPIView[Job]):
    queryset = Job.objects.none()  # tells the schema the type; get_queryset answers
    serializer_class = JobLineSerializer
    pagination_class = NewestFirst

    def get_queryset(self) -> QuerySet[Job]:
        visible = visible_to(user_of(self.request)).defer(*NOT_IN_LISTS)
        return read_filters(self.request.query_params).narrow(visible)

    @extend_schema(parameters=FILTERS)
    def get(self, request: Request) -> Response:
        """One's own jobs, or everybody's where one may see them; the newest first."""
        return super().get(request)

    @extend_schema(
        request=SubmissionSerializer, responses={202: JobSerializer}, parameters=[IDEMPOTENCY]
    )
    def post(self, request: Request) -> Response:
        """Submit a job: it is kept before this answers, and runs when a worker has time."""
        wanted = _submission(request.data)
        services.check_allowed(kind=wanted.kind, actor=user_of(request))
        job = services.submit(
            kind=wanted.kind,
            params=wanted.params,
            owner=user_of(request),
            priority=wanted.priority,
            not_before=wanted.not_before,
            idempotency_key=idempotency_key(request),
        )
        return _accepted(job)


class JobDetail(APIView):
    @extend_schema(responses=JobSerializer, parameters=[WAIT])
    def get(self, request: Request, job_id: str) -> Response:
        """One job."""
        wait_of(request.META.get("QUERY_STRING", ""))  # has been waited for; refuses nonsense
        return Response(JobSerializer(_visible(request, job_id)).data)


class JobEvents(APIView):
    @extend_schema(responses=EventSerializer(many=True), parameters=[AFTER])
    def get(self, request: Request, job_id: str) -> Response:
        """Its log from a line on, 1,000 lines at most."""
        job = _visible(request, job_id)
        lines = JobEvent.objects.filter(job=job, seq__gt=_after(request)).order_by("seq")
        return Response(EventSerializer(lines[:MOST_EVENTS], many=True).data)


class JobResult(APIView):
    @extend_schema(responses=OpenApiTypes.ANY)
    def get(self, request: Request, job_id: str) -> HttpResponse:
        """What it came to."""
        job = _visible(request, job_id)
        if not job.is_terminal:
            raise NotFinished("This job is not finished.")
        if job.state != SUCCEEDED:
            raise NoResult(f"This job ended as {job.state}; it has no result.")
        # DRF answers null with an empty body.
        return HttpResponse(msgspec.json.encode(job.result), content_type="application/json")


class JobCancel(APIView):
    @extend_schema(request=None, responses={202: JobSerializer})
    def post(self, request: Request, job_id: str) -> Response:
        """Ask it to stop: at once while it waits, at its next step while it runs."""
        job = _own(request, job_id)
        return _accepted(services.cancel(job=job, actor=user_of(request)))


class JobRetry(APIView):
    @extend_schema(request=None, responses={202: JobSerializer})
    def post(self, request: Request, job_id: str) -> Response:
        """Do the same again as a new job, whose parent is this one."""
        job = _own(request, job_id)
        return _accepted(services.retry(job=job, actor=user_of(request)))


class JobKinds(APIView):
    @extend_schema(responses=KindSerializer(many=True))
    def get(self, request: Request) -> Response:
        """What can be submitted, and with which parameters."""
        return Response(KindSerializer(all_kinds(), many=True).data)  # type: ignore[arg-type]  # many


def _submission(body: Any) -> Submission:
    try:
        return msgspec.convert(body, Submission)
    except msgspec.ValidationError as error:
        raise WrongParams(f"This is not a job to submit: {fault_of(error, Submission)}.") from None


def idempotency_key(request: Request) -> str | None:
    key = request.headers.get("Idempotency-Key")
    if key == "":
        raise WrongFilter("The header Idempotency-Key is empty.")
    return key


def _visible(request: Request, job_id: str) -> Job:
    return visible_to(user_of(request)).find(job_id)


def _own(request: Request, job_id: str) -> Job:
    """One that the caller may act upon. Raises PermissionDenied for those one only sees."""
    job = _visible(request, job_id)
    if not may_act(user_of(request), job):
        raise PermissionDenied
    return job


def _accepted(job: Job) -> Response:
    return Response(JobSerializer(job).data, status=202)


def _after(request: Request) -> int:
    text = request.query_params.get("after", "0")
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        raise WrongFilter("after takes the seq of the last line one has.")
    return int(text)


def user_of(request: Request) -> User:
    assert isinstance(request.user, User)  # nobody else comes past the permission classes
    return request.user
