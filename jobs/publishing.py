"""Tells the broker that a row waits: a hint, bounded in time, never the truth.

A broker that has just failed is left alone for a while; what it was not told, dispatch tells it.
"""

import logging
import time
from collections.abc import Callable

from celery import current_app
from kombu.exceptions import LimitExceeded, OperationalError
from redis import RedisError

from jobs import states
from jobs.models import Job

log = logging.getLogger(__name__)
PAUSE_S = 5.0
CONNECTION_WITHIN_S = 0.5  # of the pool's, when all are busy: with the socket's 1 s under 2 s
BROKER_FAULTS = (OperationalError, LimitExceeded, RedisError, OSError)


class Breaker:
    """Open for a while after a fault, so that only one caller pays for each look at the broker."""

    def __init__(self, pause_s: float, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._pause_s, self._clock = pause_s, clock
        self._open_until = 0.0

    @property
    def is_open(self) -> bool:
        return self._clock() < self._open_until

    def trip(self) -> None:
        self._open_until = self._clock() + self._pause_s


breaker = Breaker(PAUSE_S)  # the process's one


def publish(job: Job) -> bool:
    """Send the message of a row whose `published_at` is set; where it fails that is taken back."""
    if not breaker.is_open:
        try:
            _send(job)
        except BROKER_FAULTS as error:
            breaker.trip()
            log.warning("broker not told of new jobs for %.0f s: %s", PAUSE_S, _word(error))
        else:
            return True
    _take_back(job)
    return False


def _send(job: Job) -> None:
    with current_app.producer_pool.acquire(block=True, timeout=CONNECTION_WITHIN_S) as producer:
        if breaker.is_open:  # those who held all connections have just found out
            raise OperationalError("the broker has just failed")
        current_app.send_task(
            job.kind,
            args=[str(job.pk)],
            task_id=str(job.pk),
            priority=job.priority,
            producer=producer,
            retry=False,
            ignore_result=True,
        )


def _take_back(job: Job) -> None:
    told = Job.objects.filter(pk=job.pk, state=states.QUEUED, published_at=job.published_at)
    told.update(published_at=None)
    job.published_at = None


def _word(error: BaseException) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)
