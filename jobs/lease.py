"""Holds a claimed job for as long as it runs: heartbeats, progress, log lines, the wish to cancel.

A thread with a database connection of its own writes them, so that a handler's transaction can
neither hide them nor hold them up.
"""

import logging
import threading
import time
import uuid
from collections.abc import Callable
from datetime import timedelta
from types import TracebackType

from django.db import Error, connections
from django.db.models.functions import Now
from django.utils import timezone

from jobs.errors import Cancelled, Superseded
from jobs.models import Job, Line
from jobs.progress import push

log = logging.getLogger(__name__)
LEASE = timedelta(seconds=20)
HEARTBEAT_S = 5.0
WRITE_EVERY_S = 0.2
FRESH_S = 1.0  # a handler that reports more rarely waits until the row was looked at
MOST_LINES = 10_000
LONGEST_LINE = 2_000
FULL = "The log is full: what follows is not kept."


class Lease:
    """What a handler is given (kinds.Work). As a context it writes until the handler is done."""

    def __init__(
        self,
        job: Job,
        *,
        since: float | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`since`: the clock's seconds from before the claim was written; without it, now."""
        self._job, self._clock = job, clock
        self._changed = threading.Condition()
        self._over = self._dirty = self._lost = False
        self._written_at = clock()
        self._kept_at = self._written_at if since is None else since
        self._progress: dict[str, int | str] = {}
        self._lines: list[Line] = []
        self._line_count = 0
        self._thread = threading.Thread(target=self._write_on, name="job-lease", daemon=True)

    @property
    def job_id(self) -> uuid.UUID:
        return self._job.pk

    @property
    def attempt(self) -> int:
        return self._job.attempt

    @property
    def owner_id(self) -> int | None:
        return self._job.owner_id

    @property
    def is_operators(self) -> bool:
        operators = (Job.Origin.COMMAND, Job.Origin.SCHEDULE)
        return self._job.owner_id is None and self._job.origin in operators

    def progress(self, done: int, total: int, stage: str = "") -> None:
        """Raises Cancelled, Superseded."""
        with self._changed:
            self._progress = {
                "progress_done": max(0, done),
                "progress_total": max(0, total),
                "progress_stage": _plain(stage)[:200],
            }
            self._mark()
            told_at = self._clock()
            if told_at - self._written_at > FRESH_S:
                self._changed.wait_for(lambda: self._written_at >= told_at, timeout=FRESH_S)
        self.check()

    def log(self, message: str, level: str = "info") -> None:
        """Raises Cancelled, Superseded."""
        with self._changed:
            self._line_count += 1
            if self._line_count <= MOST_LINES:
                text = FULL if self._line_count == MOST_LINES else _plain(message)
                self._lines.append(Line(text[:LONGEST_LINE], timezone.now(), level))
                self._mark()
        self.check()

    def check(self) -> None:
        """Raises Cancelled, Superseded: where the row says so, and where it was out of reach."""
        if self._lost or self._clock() - self._kept_at > LEASE.total_seconds():
            raise Superseded("Another worker may have this job now.")
        if self._job.cancel_requested_at is not None:
            raise Cancelled("The job was cancelled.")

    def __enter__(self) -> "Lease":
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with self._changed:
            self._over = True
            self._changed.notify_all()
        self._thread.join()
        if self._dirty:
            self._write()

    def _mark(self) -> None:
        self._dirty = True
        self._changed.notify_all()

    def _write_on(self) -> None:
        try:
            while self._wait_until_due():
                self._write()
        finally:
            connections.close_all()  # this thread's

    def _wait_until_due(self) -> bool:
        """False when the handler is done."""
        with self._changed:
            while not self._over and (pause := self._pause()) > 0:
                self._changed.wait(pause)
            return not self._over

    def _pause(self) -> float:
        interval = WRITE_EVERY_S if self._dirty else HEARTBEAT_S
        return self._written_at + interval - self._clock()

    def _write(self) -> None:
        """Heartbeat, and what the handler has told since the last one."""
        with self._changed:
            lines, self._lines = self._lines, []
            told, self._dirty = self._dirty, False
            progress = dict(self._progress)
        try:
            self._keep(lines, progress)
        except Error as error:
            log.warning("job %s: a heartbeat was not written: %s", self._job.pk, error)
            connections.close_all()
            with self._changed:
                self._lines, self._dirty = lines + self._lines, told or self._dirty
        with self._changed:
            self._written_at = self._clock()
            self._changed.notify_all()
        if told:
            push(self._job)

    def _keep(self, lines: list[Line], progress: dict[str, int | str]) -> None:
        began = self._clock()  # the lease runs from before the write: the answer may be late
        facts = {"heartbeat_at": timezone.now(), "lease_until": Now() + LEASE, **progress}
        self._lost = not Job.objects.keep(self._job, lines, **facts)
        self._kept_at = began


def _plain(text: str) -> str:
    """Without what a database's text cannot hold."""
    return text.replace("\x00", "").encode("utf-8", "replace").decode()
