"""What people and programs do with jobs: submit, cancel, retry.

The row is written in the caller's transaction, the message goes out on commit; what the broker
was not told then, `manage.py dispatch` tells it later.
"""

import hashlib
from datetime import datetime
from functools import partial
from typing import Any

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.utils import timezone

from jobs import kinds, states
from jobs.entry import new_job
from jobs.errors import KeyReused, NotCancellable, NotRetryable
from jobs.metrics import count_finished
from jobs.models import Job, Line
from jobs.progress import push
from jobs.publishing import breaker, publish
from jobs.tasks import tell_producer


def submit(
    *,
    kind: str,
    params: dict[str, Any],
    owner: User | None = None,
    origin: str = Job.Origin.REST,
    priority: int = 0,
    not_before: datetime | None = None,
    parent: Job | None = None,
    idempotency_key: str | None = None,
) -> Job:
    """A queued job. The same key of the same owner answers with the job it started before.

    `priority` is 0 (first) to 9. Raises UnknownKind, WrongParams, KeyReused.
    """
    now = timezone.now()
    later = breaker.is_open or (not_before is not None and not_before > now)
    job = new_job(
        kinds.find(kind),
        params,
        owner=owner,
        origin=origin,
        priority=priority,
        not_before=not_before,
        parent=parent,
        idempotency=_digest(owner, idempotency_key),
        created_at=now,
        published_at=None if later else now,
    )
    return _insert(job)


def cancel(*, job: Job, actor: User | None) -> Job:
    """A queued job ends here; a running one is asked to. Raises NotCancellable."""
    while True:
        job = Job.objects.find(job.pk)
        if job.is_terminal:
            raise NotCancellable(f"The job has ended: it is {job.state}.")
        if job.cancel_requested_at is not None and job.state == states.RUNNING:
            return job
        if _ended(job, actor) if job.state == states.QUEUED else _asked(job, actor):
            push(job)
            return job


def retry(*, job: Job, actor: User | None) -> Job:
    """The same work once more, as a new job whose parent is this one. Raises NotRetryable."""
    if job.state not in (states.FAILED, states.CANCELLED, states.DEAD):
        raise NotRetryable(f"Only what has not succeeded is tried again: the job is {job.state}.")
    return submit(
        kind=job.kind,
        params=job.params,
        owner=job.owner or actor,
        origin=job.origin,
        priority=job.priority,
        parent=job,
    )


def _insert(job: Job) -> Job:
    try:
        with transaction.atomic():
            job.save(force_insert=True)
    except IntegrityError:
        if job.idempotency is None:
            raise
        return _started_before(job)
    transaction.on_commit(partial(_announce, job))
    return job


def _announce(job: Job) -> None:
    if job.published_at is not None:
        publish(job)
    push(job)


def _started_before(job: Job) -> Job:
    """Raises KeyReused where the key has started other work."""
    before = Job.objects.get(idempotency=job.idempotency)
    if (before.kind, before.params) != (job.kind, job.params):
        raise KeyReused("This idempotency key has started a job with other parameters.")
    return before


def _digest(owner: User | None, key: str | None) -> str | None:
    if key is None:
        return None
    return hashlib.sha256(f"{owner.pk if owner else ''}:{key}".encode()).hexdigest()


def _ended(job: Job, actor: User | None) -> bool:
    now = timezone.now()
    line = Line(f"Cancelled by {_named(actor)} before it began.", now, "warning")
    facts = {"cancel_requested_at": now, "finished_at": now, "error_code": "cancelled"}
    won = Job.objects.move(job, states.CANCELLED, line, **facts, error_detail=line.message)
    if won:
        count_finished(job)
        tell_producer(job)
    return won


def _asked(job: Job, actor: User | None) -> bool:
    now = timezone.now()
    line = Line(f"{_named(actor)} asks to cancel.", now, "warning")
    return Job.objects.keep(job, [line], cancel_requested_at=now)


def _named(actor: User | None) -> str:
    return actor.get_username() if actor else "the operator"
