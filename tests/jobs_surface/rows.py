"""Jobs and people for tests of what is shown: rows as workers leave them."""

from datetime import UTC, datetime, timedelta
from typing import Any

from django.contrib.auth.models import Permission, User
from django.test import Client

from jobs.models import Job, JobEvent

CREATED = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def person(name: str, *permissions: str, staff: bool = True) -> User:
    user = User.objects.create_user(name, is_staff=staff)
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    return user


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def job_of(owner: User | None, **facts: Any) -> Job:
    """A queued job of `predict_task` unless `facts` say otherwise, with its first line."""
    defaults = {"kind": "predict_task", "params": {"features": [5.1, 3.5, 1.4, 0.2]}, "seq": 1}
    job = Job.objects.create(owner=owner, **{**defaults, "created_at": CREATED, **facts})
    JobEvent.objects.create(job=job, seq=1, at=CREATED, message="Submitted.")
    return job


def finished(owner: User | None, **facts: Any) -> Job:
    """One that ran for 90 seconds after waiting for 2."""
    started = CREATED + timedelta(seconds=2)
    ended = started + timedelta(seconds=90)
    times = {"started_at": started, "finished_at": ended, "attempt": 1}
    return job_of(owner, **{"state": "succeeded", **times, **facts})


def failed(owner: User | None, **facts: Any) -> Job:
    told = {"error_code": "wrong_input", "error_detail": "expected 4 values, got 1."}
    told |= {"state": "failed", "traceback": "Traceback: secret.py"}
    return finished(owner, **{**told, **facts})
