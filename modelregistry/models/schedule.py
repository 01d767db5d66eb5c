"""Retrainings that come again and again: rows of django-celery-beat, as beat reads them."""

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from django.db import models
from django.utils import timezone
from django_celery_beat.models import PeriodicTask
from django_celery_beat.querysets import PeriodicTaskQuerySet

RETRAIN = "retrain_model_task"
RHYTHM = ("interval_id", "crontab_id")
SAID = ("name", "task", "args", "kwargs", "headers", "description", "enabled", *RHYTHM)


class ScheduledRetrainings(models.Manager["ScheduledRetraining"]):
    def get_queryset(self) -> "models.QuerySet[ScheduledRetraining]":
        found: models.QuerySet[ScheduledRetraining] = PeriodicTaskQuerySet(
            self.model, using=self._db
        )
        return found.filter(task=RETRAIN)


class ScheduledRetraining(PeriodicTask):  # type: ignore[misc]  # it has no types
    """When a model is fitted anew; the job's parameters are kept as beat keeps them, in JSON."""

    objects = ScheduledRetrainings()
    last_run_at: datetime | None  # the library's, for its type

    class Meta:
        proxy = True
        verbose_name = "scheduled retraining"
        ordering = ["name"]

    def __str__(self) -> str:
        return str(self.name)

    @property
    def said(self) -> dict[str, Any]:
        """What staff have said of it."""
        return {name: getattr(self, name) for name in SAID}

    def keep_changes(self, before: Mapping[str, Any]) -> None:
        """Write what differs from `before`, which was `said` when the row was read, and nothing
        else: beat writes its runs and notes into the same row.

        A rhythm that is another one, or begins again after a pause, is counted from now: counted
        from a run of long ago, it might be due at once.
        """
        changed = [name for name, value in self.said.items() if value != before[name]]
        if {*RHYTHM} & {*changed} or (self.enabled and "enabled" in changed):
            self.last_run_at = timezone.now()
            changed.append("last_run_at")
        if changed:
            self.save(update_fields=[*changed, "date_changed"])

    @property
    def counted_from(self) -> datetime:
        """The moment from which its next run is counted: its last one, or when it was changed."""
        return self.last_run_at or self.date_changed

    @property
    def next_run(self) -> datetime | None:
        """When beat starts it next, to the second, as beat reckons; None while it is paused."""
        if not self.enabled:
            return None
        left: timedelta = self.schedule.remaining_estimate(self.counted_from)
        soon = timezone.now() + max(left, timedelta()) + timedelta(seconds=0.5)
        return soon.replace(microsecond=0)

    @property
    def params(self) -> dict[str, Any]:
        found = json.loads(self.kwargs or "{}")
        return found if isinstance(found, dict) else {}

    @property
    def model_name(self) -> str:
        return str(self.params.get("model", ""))

    @property
    def margin(self) -> float | None:
        """By how much the new version has to be better to serve; None: it does not by itself."""
        return self.params.get("promote_if_better_by")

    @property
    def rhythm(self) -> str:
        """When it runs, in words."""
        if self.crontab:
            return str(self.crontab.human_readable).removesuffix(" UTC")  # as all times here
        return str(self.interval or "")
