"""A retraining that is due: what keeps it from starting, and what is read while it starts."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone
from django_celery_beat.models import PeriodicTask, PeriodicTasks

from jobs import services as jobs
from jobs.models import Job
from jobs.scheduling import JobScheduler
from mlapi.celery import app
from modelregistry import services
from modelregistry.artifacts import LocalFolder
from modelregistry.errors import StoreUnavailable
from modelregistry.models import RETRAIN
from tests.jobs.schedules import scheduled
from tests.modelregistry.trained import tree_version

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.database]
PLANTS = {"model": "plants"}


def due() -> PeriodicTask:
    row = scheduled(RETRAIN, PLANTS)
    PeriodicTask.objects.update(last_run_at=timezone.now() - timedelta(hours=1))
    PeriodicTasks.update_changed()
    return row


def told_by_beat(row: PeriodicTask) -> str:
    """What stands on the schedule once beat has looked."""
    beat = JobScheduler(app=app)
    while beat.tick() == 0:
        pass
    row.refresh_from_db()
    assert row.total_run_count == 1
    return str(row.description)


def test_an_archived_model_is_not_retrained_and_its_schedule_says_why() -> None:
    tree_version()
    services.archive(name="plants")
    said = told_by_beat(due())
    assert "nothing was started. The model plants is archived" in said
    assert not Job.objects.exists()


def test_no_file_is_read_within_a_transaction(monkeypatch: pytest.MonkeyPatch) -> None:
    tree_version()
    opened: list[bool] = []
    open_file = LocalFolder.open

    def watched(folder: LocalFolder, name: str) -> Any:
        opened.append(connection.in_atomic_block)
        return open_file(folder, name)

    monkeypatch.setattr(LocalFolder, "open", watched)
    assert told_by_beat(due()) == ""
    assert Job.objects.get().params["model"] == "plants"
    assert set(opened) == {False}


def test_a_store_that_is_away_keeps_no_job_from_being_kept(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tree_version()

    def away(folder: LocalFolder, name: str) -> Any:
        raise StoreUnavailable("The bucket does not answer.")

    monkeypatch.setattr(LocalFolder, "open", away)
    jobs.submit(kind=RETRAIN, params=PLANTS)
    assert told_by_beat(due()) == ""
    assert Job.objects.count() == 2
