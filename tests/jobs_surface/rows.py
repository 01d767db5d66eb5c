"""Jobs and people for tests of what is shown: rows as services and workers leave them."""

from datetime import UTC, datetime, timedelta
from typing import Any

from django.contrib.auth.models import Permission, User
from django.test import Client

from jobs import services
from jobs.execution import Outcome, claim, finish
from jobs.models import Job

CREATED = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
ROW = {"features": [5.1, 3.5, 1.4, 0.2]}


def person(name: str, *permissions: str, staff: bool = True) -> User:
    user = User.objects.create_user(name, is_staff=staff)
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    return user


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def job_of(owner: User | None, **facts: Any) -> Job:
    """A job of `predict_task` as it is submitted, long ago; `facts` say otherwise."""
    job = services.submit(kind="predict_task", params=ROW, owner=owner)
    return _with(job, {"created_at": CREATED, **facts})


def finished(owner: User | None, **facts: Any) -> Job:
    """One that ran for 90 seconds after waiting for 2, as a worker leaves it."""
    job = services.submit(kind="predict_task", params=ROW, owner=owner)
    assert claim(job, worker="worker@here:1")
    told = facts.get("error_detail", "")
    assert finish(job, Outcome(state=facts.get("state", "succeeded"), detail=told))
    started = CREATED + timedelta(seconds=2)
    times = {"started_at": started, "finished_at": started + timedelta(seconds=90)}
    return _with(job, {"created_at": CREATED, **times, **facts})


def failed(owner: User | None, **facts: Any) -> Job:
    told = {"error_code": "wrong_input", "error_detail": "expected 4 values, got 1."}
    told |= {"state": "failed", "traceback": "Traceback: secret.py"}
    return finished(owner, **{**told, **facts})


def _with(job: Job, facts: dict[str, Any]) -> Job:
    Job.objects.filter(pk=job.pk).update(**facts)
    job.refresh_from_db()
    return job
