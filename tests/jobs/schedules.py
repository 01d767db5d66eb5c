"""Schedules as rows, for tests and for the house's driver."""

import json
from typing import Any

from django_celery_beat.models import IntervalSchedule, PeriodicTask


def scheduled(
    task: str = "add_task",
    params: object = None,
    *,
    name: str = "often",
    period: str = "minutes",
    **facts: Any,
) -> PeriodicTask:
    """One that is due every minute; a second may pass between two lines of a test."""
    interval, _ = IntervalSchedule.objects.get_or_create(every=1, period=period)
    kwargs = json.dumps({"numbers": [1, 2]} if params is None else params)
    return PeriodicTask.objects.create(
        name=name, task=task, kwargs=kwargs, interval=interval, **facts
    )
