"""Looks after the queue from outside the workers, so that busy workers cannot starve it.

Every turn: jobs whose worker was lost go back to the queue or are set aside, the broker is told of
those it does not know, the gauges are read. Several dispatchers do no harm: every change is a
guarded UPDATE, and who wins it sends the message.
"""

import logging
from datetime import datetime, timedelta
from threading import Event

from celery import current_app
from django.db import DatabaseError, close_old_connections
from django.utils import timezone
from kombu.exceptions import ChannelError
from kombu.transport.base import StdChannel

from jobs import states
from jobs.kinds import all_kinds
from jobs.metrics import RESCUED, count_finished, read_gauges
from jobs.models import Job, Line
from jobs.preconditions import broker_fault
from jobs.progress import push
from jobs.publishing import BROKER_FAULTS, breaker, publish
from jobs.tasks import tell_producer

log = logging.getLogger(__name__)
BATCH = 500
UNHEARD = timedelta(seconds=10)  # a message that old is in the queue, at work or lost


def dispatch(*, broker_url: str, stop: Event, every_s: float = 1.0) -> None:
    """Go round every `every_s` seconds until `stop` is set."""
    lost = False
    while not stop.wait(every_s):
        lost = watch_broker(broker_url, lost=lost)
        try:
            close_old_connections()
            turn(timezone.now(), broker_answers=not lost)
        except DatabaseError as error:
            log.warning("database lost, jobs wait: %s", error)


def watch_broker(broker_url: str, *, lost: bool) -> bool:
    """Whether the broker is lost now; a change is logged."""
    fault = broker_fault(broker_url)
    if fault and not lost:
        log.warning("broker lost, jobs wait: %s", fault)
    if lost and not fault:
        log.warning("broker is back")
    return fault is not None


def turn(now: datetime, *, broker_answers: bool = True) -> None:
    rescue_orphans(now)
    if broker_answers:
        publish_waiting(now)
        publish_lost(now)
    read_gauges(now, [kind.name for kind in all_kinds()])


def rescue_orphans(now: datetime) -> None:
    """Take jobs from workers that were not heard of for the length of a lease."""
    for job in Job.objects.orphaned(now).order_by("lease_until")[:BATCH]:
        worker = job.worker
        if _rescued(job, now):
            log.warning("job %s was lost with %s; it is %s", job.pk, worker, job.state)
            RESCUED.labels(job.kind).inc()
            _after_rescue(job)


def publish_waiting(now: datetime) -> None:
    """Tell the broker of due jobs it was not told of."""
    rows = Job.objects.publishable(now).order_by("priority", "created_at")[:BATCH]
    for job in rows:
        if not _publish_anew(job, now):
            return


def publish_lost(now: datetime) -> None:
    """Tell it again of those whose messages must be lost: fewer messages wait than rows do.

    The queue is first in, first out: what is missing are those that have waited for longest. One
    message too many does no harm, its worker finds the job taken.
    """
    old = Job.objects.published().filter(published_at__lt=now - UNHEARD)
    if not old.exists():
        return
    try:
        missing = Job.objects.published().count() - waiting_messages()
    except BROKER_FAULTS as error:
        log.warning("the broker's queue was not counted: %s", error)
        return
    for job in old.order_by("published_at")[: min(max(0, missing), BATCH)]:
        log.warning("job %s: its message was lost, it is sent again", job.pk)
        if not _publish_anew(job, now):
            return


def waiting_messages() -> int:
    """Messages in the queue that no worker has taken."""
    with current_app.connection_for_read() as connection:
        return sum(_length(connection.default_channel, queue) for queue in current_app.amqp.queues)


def _length(channel: StdChannel, queue: str) -> int:
    try:
        found = channel.queue_declare(queue=queue, passive=True)  # type: ignore[attr-defined]
    except ChannelError:  # an empty queue is no queue
        return 0
    return int(found.message_count)


def _rescued(job: Job, now: datetime) -> bool:
    """Move an orphan on; False where its worker or another dispatcher was first."""
    orphans = Job.objects.orphaned(now)
    if job.cancel_requested_at is not None:
        line = Line("Cancelled; its worker was lost.", now, "warning")
        return orphans.move(job, states.CANCELLED, line, **_ended(now, "cancelled", line))
    if job.attempt >= job.max_attempts:
        line = Line(
            f"Its worker was lost {job.attempt} times; it is not tried again.", now, "error"
        )
        return orphans.move(job, states.DEAD, line, **_ended(now, "worker_lost", line))
    line = Line(f"Its worker {job.worker} was lost; back to the queue.", now, "warning")
    return orphans.move(job, states.QUEUED, line, published_at=now, worker="", lease_until=None)


def _ended(now: datetime, code: str, line: Line) -> dict[str, object]:
    return {"finished_at": now, "error_code": code, "error_detail": line.message}


def _after_rescue(job: Job) -> None:
    if job.is_terminal:
        count_finished(job)
        tell_producer(job)
    else:
        publish(job)
    push(job)


def _publish_anew(job: Job, now: datetime) -> bool:
    """Send the message unless another dispatcher does; False where the broker cannot be told."""
    if breaker.is_open:
        return False
    seen = Job.objects.held(job).filter(published_at=job.published_at)
    if not seen.update(published_at=now):
        return True
    job.published_at = now
    return publish(job)
