"""The tutorial's two questions about its queue: how a task is doing, and what the workers do."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from jobs.access import readable_by
from jobs.census import Tasks, census
from jobs.kinds import find
from jobs.models import Job
from jobs.serializers import ActiveTasksSerializer, TaskSerializer
from jobs.states import RUNNING, SUCCEEDED

ARGUMENTS = ("args", "kwargs")


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
        """What each worker runs, and what it holds for later; arguments are for staff."""
        workers = census()
        shown = _as_told if request.user.is_staff else _without_arguments
        return Response(
            {
                "active_tasks": shown(workers.answers("active")),
                "scheduled_tasks": shown(workers.answers("scheduled")),
            }
        )


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


def _as_told(tasks: Tasks) -> Tasks:
    return tasks


def _without_arguments(tasks: Tasks) -> Tasks:
    return {worker: [_bare(task) for task in held] for worker, held in tasks.items()}


def _bare(task: dict[str, Any]) -> dict[str, Any]:
    """A task as it runs, or as the `request` of one that is held for later."""
    bare = {name: value for name, value in task.items() if name not in ARGUMENTS}
    if isinstance(bare.get("request"), dict):
        bare["request"] = _bare(bare["request"])
    return bare
