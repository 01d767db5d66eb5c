"""The tutorial's two questions about its queue: how a task is doing, and what the workers do."""

import re
from itertools import chain
from typing import Any, TypeAlias

from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.models import AnonymousUser
from drf_spectacular.utils import extend_schema
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from jobs.access import readable_by, visible_to
from jobs.census import QUESTIONS, Tasks, census
from jobs.kinds import find
from jobs.models import Job
from jobs.serializers import ActiveTasksSerializer, TaskSerializer
from jobs.states import RUNNING, SUCCEEDED

Answers: TypeAlias = dict[str, Tasks]  # by question
HARMLESS = frozenset({"name", "type", "time_start", "acknowledged", "eta", "priority"})
UUID_WORD = re.compile("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class TaskDetail(APIView):
    """Of tasks that nobody in particular has submitted, everyone who knows the id may ask."""

    permission_classes = [AllowAny]

    @extend_schema(responses=TaskSerializer)
    def get(self, request: Request, task_id: str) -> Response:
        """How the task is doing, in the tutorial's words."""
        return Response(_as_task(readable_by(request.user).find(task_id)))


class ActiveTasks(APIView):
    permission_classes = [AllowAny]

    @extend_schema(responses=ActiveTasksSerializer)
    def get(self, request: Request) -> Response:
        """What each worker runs, and what it holds for later; all that is said of it for staff.

        Others read which tasks there are, and the ids of their own: an id opens what nobody in
        particular has submitted.
        """
        workers = census()
        told = {question: workers.answers(question) for question in QUESTIONS}
        if not request.user.is_staff:
            told = _for_strangers(told, _own_among(told, request.user))
        return Response({f"{question}_tasks": tasks for question, tasks in told.items()})


def _as_task(job: Job) -> dict[str, object]:
    if not job.is_terminal:
        return {"task_id": job.pk, "status": "pending", "state": _celery_word(job)}
    if job.state == SUCCEEDED:
        return {"task_id": job.pk, "status": "completed", "result": _direct_result(job)}
    error = job.error_detail or f"The task was {job.state}."
    return {"task_id": job.pk, "status": "failed", "error": error}


def _celery_word(job: Job) -> str:
    if job.state == RUNNING:
        return "STARTED"
    return "RETRY" if job.attempt else "PENDING"


def _direct_result(job: Job) -> object:
    """What Celery's result backend has for those who sent the task themselves."""
    shaped = find(job.kind).direct_result
    return job.result if shaped is None else shaped(job.result)


def _own_among(told: Answers, user: AbstractBaseUser | AnonymousUser) -> set[str]:
    """The ids of the caller's own jobs among those that workers name."""
    tasks = chain.from_iterable(held for by in told.values() for held in by.values())
    named = {str(_request(task).get("id")) for task in tasks}
    ids = [name for name in named if UUID_WORD.fullmatch(name)]
    mine = visible_to(user).filter(pk__in=ids) if ids else Job.objects.none()
    return {str(pk) for pk in mine.values_list("pk", flat=True)}


def _for_strangers(told: Answers, own: set[str]) -> Answers:
    """Without what leads to machines and other people's tasks."""
    names = sorted({worker for tasks in told.values() for worker in tasks})
    numbered = {worker: f"worker-{number}" for number, worker in enumerate(names, 1)}
    return {
        question: {numbered[name]: [_bare(task, own) for task in tasks[name]] for name in tasks}
        for question, tasks in told.items()
    }


def _bare(task: dict[str, Any], own: set[str]) -> dict[str, Any]:
    """A task as it runs, or one that is held for later around its `request`."""
    shown = {*HARMLESS, "id"} if task.get("id") in own else HARMLESS
    bare = {name: value for name, value in task.items() if name in shown}
    return bare if _request(task) is task else {**bare, "request": _bare(task["request"], own)}


def _request(task: dict[str, Any]) -> dict[str, Any]:
    request = task.get("request")
    return request if isinstance(request, dict) else task
