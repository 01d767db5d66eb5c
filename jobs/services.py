"""What people and programs do with jobs: submit, cancel, retry.

The row is written in the caller's transaction, the message goes out on commit; what the broker
was not told then, `manage.py dispatch` tells it later.
"""

import hashlib
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Required, TypedDict, Unpack

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.utils import timezone

from jobs import kinds, states
from jobs.audit import note
from jobs.entry import new_job, note_submit
from jobs.errors import KeyReused, NotAllowed, NotCancellable, NotRetryable, WrongParams
from jobs.execution import end
from jobs.models import Job, Line
from jobs.progress import push
from jobs.publishing import breaker, publish
from jobs.tasks import tell_producer

FARTHEST = timedelta(days=36525)  # a century, to either side: within every calendar, any zone


class Asked(TypedDict, total=False):
    """What `prepare` is told."""

    kind: Required[str]
    params: Required[dict[str, Any]]
    owner: User | None
    origin: str
    priority: int
    not_before: datetime | None
    parent: Job | None
    idempotency_key: str | None


def submit(**asked: Unpack[Asked]) -> Job:
    """A queued job. The same key of the same owner answers with the job it started before.

    `priority` is 0 (first) to 9. Raises UnknownKind, WrongParams, KeyReused.
    """
    return place(prepare(**asked))


def prepare(
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
    """A job that has no row yet. Raises UnknownKind, WrongParams."""
    now = timezone.now()
    if not_before is not None and abs(not_before - now) > FARTHEST:
        raise WrongParams("not_before is at most a hundred years from now.")
    later = breaker.is_open or (not_before is not None and not_before > now)
    return new_job(
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


def cancel(*, job: Job, actor: User | None) -> Job:
    """A queued job ends here; a running one is asked to. Raises NotCancellable."""
    while True:
        job = Job.objects.find(job.pk)
        if job.is_terminal:
            raise NotCancellable(f"The job has ended: it is {job.state}.")
        if job.cancel_requested_at is not None and job.state == states.RUNNING:
            return job
        waited = job.state == states.QUEUED
        with transaction.atomic():
            won = _ended(job, actor) if waited else _asked(job, actor)
            if won:
                note(job, {"cancel": ("", "asked for")}, actor=actor)
        if won:
            if waited:
                tell_producer(job)
            push(job)
            return job


def retry(*, job: Job, actor: User | None) -> Job:
    """The same work once more, as a new job whose parent is this one.

    It is the actor's, whoever the first one belonged to: work is done in its owner's name, and
    nobody can have that done in somebody else's. Without an actor (the operator) it stays whose
    it was. Raises NotRetryable, NotAllowed.
    """
    check_allowed(kind=job.kind, actor=actor)
    if job.state not in (states.FAILED, states.CANCELLED, states.DEAD):
        raise NotRetryable(f"Only what has not succeeded is tried again: the job is {job.state}.")
    return submit(
        kind=job.kind,
        params=job.params,
        owner=actor or job.owner,
        origin=job.origin,
        priority=job.priority,
        parent=job,
    )


def check_allowed(*, kind: str, actor: User | None) -> None:
    """Raises NotAllowed where the kind needs a permission that the actor has not; UnknownKind."""
    permission = kinds.find(kind).permission
    if actor is not None and permission is not None and not actor.has_perm(permission):
        raise NotAllowed("You may not start jobs of this kind.")


def started_by(*, owner: User | None, idempotency_key: str | None) -> Job | None:
    """The job that this key of this owner's has started, for who makes more than a job with it."""
    digest = _digest(owner, idempotency_key)
    return None if digest is None else Job.objects.filter(idempotency=digest).first()


def place(job: Job) -> Job:
    """Write the row of a new job, and have it published on commit. Raises KeyReused."""
    try:
        with transaction.atomic():
            job.save(force_insert=True)
            note_submit(job)
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
    if not (_asked_alike(before, job) and _params_alike(before, job)):
        raise KeyReused("This idempotency key has started another job.")
    return before


def _asked_alike(one: Job, other: Job) -> bool:
    return all(
        getattr(one, name) == getattr(other, name) for name in ("kind", "priority", "not_before")
    )


def _params_alike(before: Job, job: Job) -> bool:
    """Here or as the database compares: PostgreSQL gives 1e23 back as another number."""
    kept = Job.objects.filter(pk=before.pk)
    return bool(before.params == job.params) or kept.filter(params=job.params).exists()


def _digest(owner: User | None, key: str | None) -> str | None:
    if key is None:
        return None
    return hashlib.sha256(f"{owner.pk if owner else ''}:{key}".encode()).hexdigest()


def _ended(job: Job, actor: User | None) -> bool:
    now = timezone.now()
    line = Line(f"Cancelled by {_named(actor)} before it began.", now, "warning")
    facts: dict[str, Any] = {
        "cancel_requested_at": now,
        "finished_at": now,
        "error_code": "cancelled",
    }
    return end(job, states.CANCELLED, line, **facts, error_detail=line.message)


def _asked(job: Job, actor: User | None) -> bool:
    now = timezone.now()
    line = Line(f"{_named(actor)} asks to cancel.", now, "warning")
    return Job.objects.keep(job, [line], cancel_requested_at=now)


def _named(actor: User | None) -> str:
    return actor.get_username() if actor else "the operator"
