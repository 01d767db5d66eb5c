"""Rows in the state that a test begins with."""

from datetime import timedelta

from django.db.models.functions import Now

from jobs import execution
from jobs.models import Job


def queued(kind: str = "add_task", **facts: object) -> Job:
    params = {"params": {"numbers": [1]}} if kind == "add_task" else {}
    job = Job(kind=kind, **params | facts)
    job.save(force_insert=True)
    return job


def running(kind: str = "add_task", **facts: object) -> Job:
    job = queued(kind, **facts)
    assert execution.claim(job, worker="here:1")
    return job


def lose(job: Job) -> None:
    """Its worker was not heard of for the length of a lease."""
    Job.objects.filter(pk=job.pk).update(lease_until=Now() - timedelta(seconds=1))


def states_of(job: Job) -> list[str]:
    return [event.state for event in job.events.order_by("seq") if event.state]
