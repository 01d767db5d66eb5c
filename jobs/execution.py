"""A job's life in a worker: claim, run the handler under a lease, finish. Nobody else owns it."""

import logging
import re
import signal
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import copy
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any, TypeVar

import msgspec
from billiard.pool import soft_timeout_sighandler
from celery.exceptions import SoftTimeLimitExceeded
from django.db import InterfaceError, OperationalError, connections, transaction
from django.db.models.functions import Now
from django.utils import timezone

from jobs import states
from jobs.audit import acting
from jobs.errors import Cancelled, JobError, NotJson, ResultTooLarge, Superseded, UnknownKind
from jobs.kinds import Kind, Work, find, holds_nul
from jobs.lease import LEASE, Lease
from jobs.metrics import count_finished, count_started
from jobs.models import Job, JobQuerySet, Line
from jobs.progress import push

log = logging.getLogger(__name__)
LARGEST_RESULT = 4_000_000  # bytes of JSON: as many rows as a batch takes, 40 bytes for each
LONGEST_TRACEBACK = 20_000
UNSEEN = "The work failed; those who may read tracebacks find the cause on the job's page."
RETRY_AFTER_S = (0.1, 1.0, 3.0)  # a database that is away for a moment costs no second run
CLOCKS_DIFFER = timedelta(seconds=2)  # the dispatcher's and a worker's
DATABASE_AWAY = (OperationalError, InterfaceError)
Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How a handler ended."""

    state: str
    result: Any = None
    code: str = ""
    detail: str = ""
    traceback: str = ""


def run(job: Job, kind: Kind, *, worker: str) -> bool:
    """Run a queued job to its end; False where somebody else has it or it was cancelled before.

    After a run `job` shows the row as it is.
    """
    with acting(lambda: job.owner, job=str(job.pk)):
        began = time.monotonic()
        if not claim(job, worker=worker):
            return False
        try:
            with Lease(job, since=began) as lease:
                outcome = handle(kind, lease, job.params)
        except Superseded:
            log.warning("job %s: the lease was lost, its handler was stopped", job.pk)
            return False
        return finish(job, outcome)


def claim(job: Job, *, worker: str) -> bool:
    """Make a queued job ours; one that was cancelled while nobody had it ends here."""
    now = timezone.now()
    if job.state != states.QUEUED or (job.not_before and job.not_before > now + CLOCKS_DIFFER):
        return False
    if job.cancel_requested_at is not None:
        finish(job, cancelled_before_it_began())
        return False
    attempt = job.attempt + 1
    facts = {
        "attempt": attempt,
        "worker": worker[:255],
        "started_at": now,
        "heartbeat_at": now,
        "lease_until": Now() + LEASE,
    }
    line = Line(f"Started by {worker}, attempt {attempt}.", now)
    if not Job.objects.move(job, states.RUNNING, line, **facts):
        return False
    count_started(job)
    push(job)
    return True


def handle(kind: Kind, work: Work, params: object) -> Outcome:
    """What becomes of the handler's call. Raises Superseded."""
    try:
        with soft_limit():
            decoded, _ = kind.decode(params)
            return Outcome(state=states.SUCCEEDED, result=storable(kind.handler(work, decoded)))
    except Superseded:
        raise
    except Cancelled as error:
        return Outcome(state=states.CANCELLED, code="cancelled", detail=str(error))
    except SoftTimeLimitExceeded:
        return too_long(kind)
    except Exception as error:  # the boundary: row and log keep it
        # What everyone may read was expected: its sentence is enough.
        fault = None if isinstance(error, (JobError, *kind.shown)) else error
        log.warning("job %s (%s) failed: %s", work.job_id, kind.name, error, exc_info=fault)
        return failure(error, shown=kind.shown)


def failure(error: Exception, *, shown: tuple[type[Exception], ...]) -> Outcome:
    """The code and sentence for everyone, the traceback for those who may read it."""
    open_to_all = isinstance(error, (JobError, *shown))
    return Outcome(
        state=states.FAILED,
        code=_snake(type(error).__name__)[:64] if open_to_all else "failed",
        detail=_storable_text(str(error)) if open_to_all else UNSEEN,
        traceback=_storable_text("".join(traceback.format_exception(error)))[-LONGEST_TRACEBACK:],
    )


def too_long(kind: Kind) -> Outcome:
    detail = f"The work took longer than {kind.time_limit_s:g} s."
    return Outcome(state=states.FAILED, code="time_limit", detail=detail)


def cancelled_before_it_began() -> Outcome:
    return Outcome(
        state=states.CANCELLED, code="cancelled", detail="The job was cancelled before it began."
    )


def finish(job: Job, outcome: Outcome) -> bool:
    """Write how it ended, once; False where the job is no longer ours."""
    now = timezone.now()
    facts = {
        "result": outcome.result,
        "error_code": outcome.code,
        "error_detail": outcome.detail,
        "traceback": outcome.traceback,
        "finished_at": now,
    }
    line = _last_line(job, outcome, now)
    if not persistently(partial(end, job, outcome.state, line, **facts)):
        if not persistently(partial(_was_written, job, outcome, now)):
            log.warning("job %s: the lease was lost, its outcome is dropped", job.pk)
            return False
        count_finished(job)
    push(job)
    return True


def _was_written(job: Job, outcome: Outcome, at: datetime) -> bool:
    """Whether the row has this very end: a database may go after the commit, before its answer."""
    row = Job.objects.find(job.pk)
    if (row.attempt, row.state, row.finished_at) != (job.attempt, outcome.state, at):
        return False
    job.refresh_from_db()
    return True


def end(job: Job, to: str, line: Line, *, among: JobQuerySet | None = None, **facts: Any) -> bool:
    """The one way into a terminal state: the end, and what it takes back, are written together.

    False where somebody else was first, or `among` has the row no more. After an end that won,
    `job` shows the row as it is; where the database fails, `job` is as it was and neither is
    written.
    """
    ended = copy(job)
    with transaction.atomic():
        if not (Job.objects.all() if among is None else among).move(ended, to, line, **facts):
            return False
        if to != states.SUCCEEDED:
            _take_back(ended)
    job.show(facts | {"state": to, "seq": ended.seq})
    count_finished(job)
    return True


def _take_back(job: Job) -> None:
    """What the job has left half made goes; where that fails twice, the end stands without it."""
    try:
        undo = find(job.kind).undo
    except UnknownKind:
        return
    if undo is None:
        return
    for _ in range(2):
        try:
            with transaction.atomic():  # a savepoint: what fails in it spoils no more than itself
                undo(job.pk)
        except Exception:  # the boundary: the log keeps it
            if transaction.get_rollback():  # the connection is gone, and the end with it
                raise
            log.exception("job %s: what it left half made is there still", job.pk)
        else:
            return


def persistently(call: Callable[[], Answer]) -> Answer:
    """The call's answer, also from a database that is away for a moment."""
    for pause_s in RETRY_AFTER_S:
        try:
            return call()
        except DATABASE_AWAY as error:
            log.warning("the database is away, tried again in %g s: %s", pause_s, error)
            drop_broken_connections()
            time.sleep(pause_s)
    return call()


@contextmanager
def soft_limit() -> Iterator[None]:
    """The soft time limit is heard in here: elsewhere it would hit what writes the row."""
    if signal.getsignal(signal.SIGUSR1) is signal.SIG_IGN:
        signal.signal(signal.SIGUSR1, soft_timeout_sighandler)
    try:
        yield
    finally:
        ignore_soft_limit()


def ignore_soft_limit() -> None:
    """Only where the pool's own handler would hear it: in a child of a worker."""
    if signal.getsignal(signal.SIGUSR1) is soft_timeout_sighandler:
        signal.signal(signal.SIGUSR1, signal.SIG_IGN)


def drop_broken_connections() -> None:
    """Others are kept from job to job: SQLite writes its log back when the last one is closed."""
    for connection in connections.all(initialized_only=True):
        if connection.errors_occurred:
            connection.close_if_unusable_or_obsolete()


def storable(result: object) -> Any:
    """The result as JSON holds it; NaN becomes null. Raises NotJson, ResultTooLarge."""
    try:
        raw = msgspec.json.encode(result)
    except (TypeError, ValueError, RecursionError) as error:
        raise NotJson(f"The result cannot be kept as JSON: {error}.") from error
    if len(raw) > LARGEST_RESULT:
        raise ResultTooLarge(
            f"The result has {len(raw):,} bytes as JSON; at most {LARGEST_RESULT:,} are kept."
        )
    if holds_nul(raw):
        raise NotJson("The result holds a NUL character.")
    return msgspec.json.decode(raw)


def _last_line(job: Job, outcome: Outcome, now: Any) -> Line:
    if outcome.state != states.SUCCEEDED:
        level = "warning" if outcome.state == states.CANCELLED else "error"
        return Line(outcome.detail, now, level)
    late = " The wish to cancel came too late." if job.cancel_requested_at else ""
    return Line(f"Succeeded.{late}", now)


def _snake(name: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()


def _storable_text(text: str) -> str:
    return text.replace("\x00", "").encode("utf-8", "replace").decode()
