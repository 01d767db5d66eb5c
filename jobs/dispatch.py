"""Looks after the queue from outside the workers, so that busy workers cannot starve it.

Every turn: jobs whose worker was lost go back to the queue or are set aside, the broker is told of
those it does not know, the gauges are read. Several dispatchers do no harm: every change is a
guarded UPDATE, and who wins it sends the message.
"""

import logging
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import islice
from threading import Event
from typing import cast

import msgspec
from celery import current_app
from django.db import Error, close_old_connections
from django.utils import timezone
from kombu.transport.redis import Channel

from jobs import states
from jobs.errors import UnknownKind
from jobs.execution import Outcome, end, too_long
from jobs.kinds import all_kinds, find
from jobs.metrics import RESCUED, read_gauges
from jobs.models import Job, Line
from jobs.preconditions import broker_fault
from jobs.progress import push
from jobs.publishing import BROKER_FAULTS, breaker, publish
from jobs.tasks import tell_producer

log = logging.getLogger(__name__)
BATCH = 500
LARGE = ("params", "result", "traceback")  # what no message needs stays in the database
UNHEARD = timedelta(seconds=10)  # a message that old is in the queue, at work or lost
NEVER_RUN = {
    "worker": "",
    "started_at": None,
    "heartbeat_at": None,
    "lease_until": None,
    "progress_done": None,
    "progress_total": None,
    "progress_stage": "",
}
PAGE = 100  # messages that are read at once


class Headers(msgspec.Struct):
    id: str


class Waiting(msgspec.Struct):
    """What is read of a message in the queue."""

    headers: Headers


def dispatch(*, broker_url: str, stop: Event, every_s: float = 1.0) -> None:
    """Go round every `every_s` seconds until `stop` is set."""
    lost, searched_at = False, timezone.now()
    while not stop.wait(every_s):
        lost, now = watch_broker(broker_url, lost=lost), timezone.now()
        search = abs(now - searched_at) > UNHEARD  # it reads the whole queue
        try:
            close_old_connections()
            turn(now, broker_answers=not lost, search=search)
        except Error as error:
            log.warning("database lost, jobs wait: %s", error)
        if search:
            searched_at = now


def watch_broker(broker_url: str, *, lost: bool) -> bool:
    """Whether the broker is lost now; a change is logged."""
    fault = broker_fault(broker_url)
    if fault and not lost:
        log.warning("broker lost, jobs wait: %s", fault)
    if lost and not fault:
        log.warning("broker is back")
    return fault is not None


def turn(now: datetime, *, broker_answers: bool, search: bool) -> None:
    rescue_orphans(now)
    if broker_answers:
        publish_waiting(now)
        if search:
            publish_lost(now)
    read_gauges(now, [kind.name for kind in all_kinds()])


def rescue_orphans(now: datetime) -> None:
    """Take jobs from workers that were not heard of for the length of a lease."""
    for job in Job.objects.orphaned().order_by("lease_until")[:BATCH]:
        worker = job.worker
        if _rescued(job, now):
            log.warning("job %s was lost with %s; it is %s", job.pk, worker, job.state)
            RESCUED.labels(job.kind).inc()
            _after_rescue(job)


def publish_waiting(now: datetime) -> None:
    """Tell the broker of due jobs it was not told of."""
    due = Job.objects.publishable(now).defer(*LARGE)
    rows = due.order_by("priority", "created_at")[:BATCH]
    for job in rows:
        if not _publish_anew(job, now):
            return


def publish_lost(now: datetime) -> None:
    """Tell it again of those whose messages are not in its queue.

    One message too many does no harm, its worker finds the job taken.
    """
    old = Job.objects.published().filter(published_at__lt=now - UNHEARD)
    if not old.exists():
        return
    try:
        waiting = ids_in_queue()
    except BROKER_FAULTS as error:
        log.warning("the broker's queue was not read: %s", error)
        return
    rows = old.defer(*LARGE).order_by("published_at").iterator()
    for job in list(islice((job for job in rows if str(job.pk) not in waiting), BATCH)):
        log.warning("job %s: its message was lost, it is sent again", job.pk)
        if not _publish_anew(job, now):
            return


def ids_in_queue() -> set[str]:
    """Of the messages that no worker has taken."""
    with current_app.connection_for_read() as connection:
        channel = cast(Channel, connection.default_channel)
        return {
            found
            for queue in current_app.amqp.queues
            for step in channel.priority_steps
            for raw in _messages(channel, channel._q_for_pri(queue, step))  # type: ignore[attr-defined]
            if (found := _id_of(raw)) is not None
        }


def _messages(channel: Channel, key: str) -> Iterator[bytes]:
    """From the newest on: what comes meanwhile moves the others back, so that none is missed."""
    start = 0
    while page := channel.client.lrange(key, start, start + PAGE - 1):
        yield from page
        start += PAGE


def _id_of(raw: bytes) -> str | None:
    """None where it is no message of Celery's."""
    try:
        return msgspec.json.decode(raw, type=Waiting).headers.id
    except (ValueError, RecursionError):
        return None


def _rescued(job: Job, now: datetime) -> bool:
    """Move an orphan on; False where its worker or another dispatcher was first."""
    if job.cancel_requested_at is not None:
        line = Line("Cancelled; its worker was lost.", now, "warning")
        return _end(job, states.CANCELLED, "cancelled", line)
    if stopped := _overran(job):
        line = Line(stopped.detail, now, "error")
        return _end(job, stopped.state, stopped.code, line)
    if job.attempt >= job.max_attempts:
        line = Line(
            f"Its worker was lost {job.attempt} times; it is not tried again.", now, "error"
        )
        return _end(job, states.DEAD, "worker_lost", line)
    line = Line(f"Its worker {job.worker} was lost; back to the queue.", now, "warning")
    orphans = Job.objects.orphaned()
    return orphans.move(job, states.QUEUED, line, published_at=now, **NEVER_RUN)


def _overran(job: Job) -> Outcome | None:
    """Its worker was not lost, it stopped the job: it was heard of beyond the time limit."""
    try:
        kind = find(job.kind)
    except UnknownKind:
        return None
    if job.started_at is None or job.heartbeat_at is None:
        return None
    limit = timedelta(seconds=kind.time_limit_s)
    return too_long(kind) if job.heartbeat_at - job.started_at > limit else None


def _end(job: Job, to: str, code: str, line: Line) -> bool:
    facts = {"finished_at": line.at, "error_code": code, "error_detail": line.message}
    return end(job, to, line, among=Job.objects.orphaned(), **facts)


def _after_rescue(job: Job) -> None:
    if job.is_terminal:
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
