"""A job's life in a worker: claim, run the handler under a lease, finish. Nobody else owns it."""

import logging
import re
import time
import traceback
from dataclasses import dataclass
from typing import Any

import msgspec
from celery.exceptions import SoftTimeLimitExceeded
from django.db import OperationalError, connections
from django.utils import timezone

from jobs import states
from jobs.errors import Cancelled, JobError, NotJson, ResultTooLarge, Superseded
from jobs.kinds import Kind, Work
from jobs.lease import LEASE, Lease
from jobs.metrics import count_finished, count_started
from jobs.models import Job, Line
from jobs.progress import push

log = logging.getLogger(__name__)
LARGEST_RESULT = 4_000_000  # bytes of JSON: as many rows as a batch takes, 40 bytes for each
LONGEST_TRACEBACK = 20_000
UNSEEN = "The work failed; those who may read tracebacks find the cause on the job's page."
RETRY_AFTER_S = (0.1, 1.0, 3.0)  # a database that is away for a moment costs no second run


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
    if not claim(job, worker=worker):
        return False
    try:
        with Lease(job) as lease:
            outcome = handle(kind, lease, job.params)
    except Superseded:
        log.warning("job %s: the lease was lost, its handler was stopped", job.pk)
        return False
    return finish(job, outcome)


def claim(job: Job, *, worker: str) -> bool:
    """Make a queued job ours; one that was cancelled while nobody had it ends here."""
    if job.state != states.QUEUED:
        return False
    now = timezone.now()
    if job.cancel_requested_at is not None:
        finish(job, cancelled_before_it_began())
        return False
    attempt = job.attempt + 1
    facts = {
        "attempt": attempt,
        "worker": worker[:255],
        "started_at": now,
        "heartbeat_at": now,
        "lease_until": now + LEASE,
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
        decoded, _ = kind.decode(params)
        return Outcome(state=states.SUCCEEDED, result=storable(kind.handler(work, decoded)))
    except Superseded:
        raise
    except Cancelled as error:
        return Outcome(state=states.CANCELLED, code="cancelled", detail=str(error))
    except SoftTimeLimitExceeded:
        detail = f"The work took longer than {kind.time_limit_s:g} s."
        return Outcome(state=states.FAILED, code="time_limit", detail=detail)
    except Exception as error:  # the boundary: row and log keep it
        log.warning("job %s (%s) failed", work.job_id, kind.name, exc_info=error)
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
    if not _persistently_moved(job, outcome.state, line, facts):
        log.warning("job %s: the lease was lost, its outcome is dropped", job.pk)
        return False
    count_finished(job)
    push(job)
    return True


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
    if b"\\u0000" in raw:
        raise NotJson("The result holds a NUL character.")
    return msgspec.json.decode(raw)


def _persistently_moved(job: Job, state: str, line: Line, facts: dict[str, Any]) -> bool:
    for pause_s in RETRY_AFTER_S:
        try:
            return Job.objects.move(job, state, line, **facts)
        except OperationalError as error:
            log.warning("job %s: its outcome was not written: %s", job.pk, error)
            drop_broken_connections()
            time.sleep(pause_s)
    return Job.objects.move(job, state, line, **facts)


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
