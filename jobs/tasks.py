"""One Celery task for each recorded kind; the message is a hint, the row says what to do.

A message carries the row's id, which is the task's id too. Kinds with `direct` also take messages
of producers that know nothing of rows: those get one when a worker takes them.
"""

import logging
import math
import os
import uuid
from functools import partial
from typing import Any

from celery import Celery, Task, current_app
from celery import states as celery_states
from celery.exceptions import BackendError, Ignore, Reject
from celery.signals import worker_init
from celery.worker.request import Request
from django.db import Error, IntegrityError, connections, transaction
from django.utils import timezone
from redis import RedisError

from jobs import states
from jobs.entry import new_job, note_submit
from jobs.errors import JobFailed, Quarantined, UnknownJob, WrongParams
from jobs.execution import (
    DATABASE_AWAY,
    drop_broken_connections,
    ignore_soft_limit,
    persistently,
    run,
)
from jobs.kinds import HARD_LIMIT_AFTER_S, Kind, all_kinds, find
from jobs.models import Job
from jobs.receiving import quarantine

log = logging.getLogger(__name__)


@worker_init.connect
def install_tasks(sender: Any, **_facts: object) -> None:
    """When a worker starts, all apps and what `--include` names are imported."""
    install(sender.app)


def install(app: Celery) -> None:
    """The kinds and no more: Celery's own tasks (map, chord_unlock, ...) run any task they name."""
    for name in [name for name in app.tasks if name.startswith("celery.")]:
        app.tasks.unregister(name)
    for kind in all_kinds():
        app.register_task(JobTask(kind))


class JobRequest(Request):
    """A message in the worker's main process, which tells of children that were lost or stopped."""

    @property
    def store_errors(self) -> bool:
        """Not of a job that may succeed yet: dispatch looks after it, and tells how it ended."""
        return bool(super().store_errors) and not under_way(self.id)


class JobTask(Task):  # type: ignore[type-arg]  # generic for mypy alone
    """Translates a message into a row, runs it, and translates the end into Celery's words."""

    Request = f"{__name__}:{JobRequest.__name__}"
    throws = (JobFailed, Quarantined)  # told in one line, without a traceback
    ignore_result = False  # but the messages of rows say that nobody waits for theirs

    def __init__(self, kind: Kind) -> None:
        self.kind, self.name = kind, kind.name
        self.soft_time_limit = math.ceil(kind.time_limit_s)
        self.time_limit = self.soft_time_limit + HARD_LIMIT_AFTER_S

    def run(self, *args: Any, **kwargs: Any) -> object:
        """What a direct producer reads. Raises JobFailed, Quarantined, Ignore, Reject."""
        ignore_soft_limit()
        drop_broken_connections()
        job = self._received(args, kwargs)
        self._run(job)
        if not job.is_terminal:
            raise Ignore  # delivered twice: whoever has it will answer
        if self.request.ignore_result:
            tell_producer(job)
        return answer_of(job)

    def _received(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Job:
        try:
            return persistently(partial(self._row, args, kwargs))
        except Quarantined as fault:
            quarantine(fault, task=self.name, message_id=self.request.id)
            raise
        except DATABASE_AWAY as error:  # only the message knows of its job yet
            log.warning("message %s goes back to the queue: %s", self.request.id, error)
            raise Reject(str(error), requeue=True) from None

    def _run(self, job: Job) -> None:
        try:
            if not run(job, self.kind, worker=f"{self.request.hostname}:{os.getpid()}"):
                job.refresh_from_db()
        except Error as error:
            log.warning("job %s: left to dispatch: %s", job.pk, error)
            raise Ignore from None

    def _row(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Job:
        if args == (self.request.id,) and not kwargs:
            job = self._found()
        else:
            job = self._adopted(args, kwargs)
        if job.kind != self.name:
            raise Quarantined("Its row is of another kind.", reason="no_row")
        return job

    def _found(self) -> Job:
        try:
            return Job.objects.find(str(self.request.id))
        except UnknownJob as error:
            raise Quarantined("It has no row.", reason="no_row") from error

    def _adopted(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Job:
        """The row of a message that came without one, made when the message is first seen."""
        new = self._new_row(args, kwargs)
        try:
            with transaction.atomic():
                new.save(force_insert=True)
                note_submit(new)
        except IntegrityError:  # delivered once more
            return self._redelivered(new)
        return new

    def _new_row(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Job:
        if self.kind.direct is None:
            raise Quarantined("It has no row, and this kind needs one.", reason="no_row")
        now = timezone.now()
        try:
            params = self.kind.direct(*args, **kwargs)
            row_id = uuid.UUID(self.request.id)
            facts = {"id": row_id, "created_at": now, "published_at": now}
            return new_job(self.kind, params, origin=Job.Origin.DIRECT, **facts)
        except (TypeError, ValueError, WrongParams) as error:
            reason = str(error) if isinstance(error, WrongParams) else "It takes other arguments."
            raise Quarantined(reason, reason="wrong_arguments") from error

    def _redelivered(self, new: Job) -> Job:
        job = Job.objects.find(new.pk)
        if (job.origin, job.params) != (Job.Origin.DIRECT, new.params):
            raise Quarantined("Its id is another job's.", reason="no_row")
        return job


def under_way(task_id: str) -> bool:
    """Whether there is a row that has not ended, as far as can be known."""
    try:
        return Job.objects.exclude(state__in=states.TERMINAL).filter(pk=uuid.UUID(task_id)).exists()
    except ValueError:
        return False
    except Error as error:
        log.warning("job %s: nothing is told of a lost child: %s", task_id, error)
        return True
    finally:
        _close_connections()


def _close_connections() -> None:
    """The children to come would inherit them."""
    for connection in connections.all(initialized_only=True):
        connection.close()
        if hasattr(connection, "close_pool"):
            connection.close_pool()


def answer_of(job: Job) -> object:
    """What a direct producer reads; None for all others. Raises JobFailed."""
    if job.state != states.SUCCEEDED:
        raise JobFailed(job.error_detail)
    if job.origin != Job.Origin.DIRECT:
        return None
    words = find(job.kind).direct_result
    return words(job.result) if words else job.result


def tell_producer(job: Job) -> None:
    """Answer the producer of a direct message when no message of its own is there to do so."""
    if job.origin != Job.Origin.DIRECT:
        return
    backend = current_app.backend
    try:
        try:
            backend.store_result(str(job.pk), answer_of(job), celery_states.SUCCESS)
        except JobFailed as failed:
            backend.store_result(str(job.pk), failed, celery_states.FAILURE)
    except (RedisError, OSError, BackendError) as error:
        log.warning("job %s: its producer was not told: %s", job.pk, error)
