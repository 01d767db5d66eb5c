"""Beat on the schedules that staff keep in the database: what is due becomes a job.

django-celery-beat would send bare messages. Here the job's row comes first, in one transaction
with the note that this run was due: so a broker that is away loses nothing, and a beat that was
killed, or a second one, starts nothing twice.
"""

import logging
from datetime import datetime, timedelta
from typing import Any

from django.contrib.auth.models import User
from django.db import close_old_connections, transaction
from django.db.models import F, Q, QuerySet
from django_celery_beat.models import PeriodicTask, PeriodicTasks
from django_celery_beat.schedulers import (
    SCHEDULE_SYNC_MAX_INTERVAL,
    DatabaseScheduler,
    ModelEntry,
)

from jobs import states
from jobs.errors import JobError, NotAllowed, NotFinished, WrongParams
from jobs.execution import DATABASE_AWAY
from jobs.models import Job
from jobs.services import check_allowed, place, prepare

log = logging.getLogger(__name__)
OWNER = "owner"  # the header of a schedule that names whoever answers for it, by id
AGAIN_AFTER = timedelta(seconds=5)


class JobScheduler(DatabaseScheduler):  # type: ignore[misc]  # it has no types
    """Named by CELERY_BEAT_SCHEDULER."""

    _last_timestamp: datetime | None = None
    producer = None  # jobs are published by their services, which wait for no broker

    def setup_schedule(self) -> None:
        """Schedules are what staff have made. None is read before beat has checked the tables."""

    def enabled_models_qs(self) -> "QuerySet[Any]":
        """All: the library leaves out hours far from now, and with them runs that were missed."""
        enabled: QuerySet[Any] = self.Model.objects.enabled()
        return enabled

    def schedule_changed(self) -> bool:
        """Whether staff have changed anything, the first schedule of all included."""
        try:
            close_old_connections()
            last = PeriodicTasks.last_change()
        except DATABASE_AWAY as error:
            log.warning("the schedules cannot be read: %s", error)
            return False
        changed: bool = last != self._last_timestamp
        self._last_timestamp = last
        return changed

    def all_as_schedule(self) -> dict[str, ModelEntry]:
        try:
            found: dict[str, ModelEntry] = super().all_as_schedule()
        except DATABASE_AWAY as error:
            log.warning("the schedules are read again in a moment: %s", error)
            self._read_again_soon()
            return self._schedule or {}
        return found

    def reserve(self, entry: ModelEntry) -> ModelEntry:
        """The entry's next run; `apply_async` writes it down."""
        following = next(entry)
        if self._schedule is not None:  # which is gone over anew without being read anew
            self._schedule[entry.name] = following
        return following

    def apply_async(
        self, entry: ModelEntry, producer: object = None, advance: bool = True, **_: Any
    ) -> None:
        try:
            if not run_due(entry):
                self._read_again_soon()
        except DATABASE_AWAY as error:
            log.warning("the schedule %s is tried again in a moment: %s", entry.name, error)
            self._read_again_soon()

    def _read_again_soon(self) -> None:
        """Not at once: what is due would be tried without a pause."""
        every = timedelta(seconds=SCHEDULE_SYNC_MAX_INTERVAL)
        self._last_full_sync = datetime.now() - every + AGAIN_AFTER  # noqa: DTZ005 - as it does


def run_due(entry: ModelEntry) -> bool:
    """Start its job and note the run: both, or where another beat was first, neither: False.

    What keeps a job from being started stands on the schedule, in its description.
    """
    made = _made(entry)  # which may read files: nobody waits for that with a database locked
    with transaction.atomic():
        if not _noted(entry):
            return False
        try:
            with transaction.atomic():
                job = _submit(made)
        except JobError as error:
            log.warning("the schedule %s started nothing: %s", entry.name, error)
            said = f"{entry.model.last_run_at:%Y-%m-%d %H:%M}: nothing was started. {error}"
        else:
            log.info("the schedule %s started job %s", entry.name, job.pk)
            said = ""
        PeriodicTask.objects.filter(pk=entry.model.pk).update(description=said)
    return True


def _made(entry: ModelEntry) -> Job | JobError:
    """Its job, which has no row yet, or why there is none."""
    try:
        return _new(entry)
    except JobError as error:
        return error


def _noted(entry: ModelEntry) -> bool:
    """False where the schedule is gone, or was run since it was read; `reserve` set the time."""
    unchanged = Q(last_run_at=None) | Q(last_run_at=entry.last_run_at)
    rows = PeriodicTask.objects.filter(unchanged, pk=entry.model.pk, enabled=True)
    facts = {"last_run_at": entry.model.last_run_at, "total_run_count": F("total_run_count") + 1}
    return bool(rows.update(**facts) == 1)


def _new(entry: ModelEntry) -> Job:
    """Raises UnknownKind, NotAllowed, WrongParams."""
    if entry.args:
        raise WrongParams("Its parameters have no names.")
    owner = _owner(entry)
    check_allowed(kind=entry.task, actor=owner)
    origin = Job.Origin.SCHEDULE
    return prepare(kind=entry.task, params=entry.kwargs, owner=owner, origin=origin)


def _submit(made: Job | JobError) -> Job:
    """Raises NotFinished, and what kept the job from being made."""
    if isinstance(made, JobError):
        raise made
    alike = Job.objects.filter(kind=made.kind, origin=made.origin, params=made.params)
    if alike.filter(state__in=(states.QUEUED, states.RUNNING)).exists():
        raise NotFinished("The job that was started before has not ended.")
    return place(made)


def _owner(entry: ModelEntry) -> User | None:
    """None for a schedule that the operator has made. Raises NotAllowed for one nobody owns."""
    pk = entry.options["headers"].get(OWNER)
    if pk is None:
        return None
    owner = User.objects.filter(pk=pk, is_active=True).first()
    if owner is None:
        raise NotAllowed("Whoever saved this schedule has no account any more: save it again.")
    return owner
