"""What the list of schedules says of each: when it runs next, when it ran last, and as whom."""

import json
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django_celery_beat.models import PeriodicTask
from django_celery_beat.schedulers import ModelEntry

from jobs.services import submit
from mlapi.celery import app
from modelregistry.models import ScheduledRetraining
from tests.modelregistry.test_admin import text
from tests.modelregistry.test_schedules_page import ADD, LIST, answers, clerk
from tests.modelregistry.trained import tree_version

pytestmark = [pytest.mark.django_db, pytest.mark.database]
RHYTHMS = {
    "hours": {"every": "5", "period": "hours"},
    "days": {"every": "7", "period": "days"},
    "cron": {"every": "", "at": "30 3 * * 1"},
}


@pytest.fixture
def chief() -> Client:
    return clerk("retrain_registeredmodel", "promote_modelversion")


@pytest.fixture
def plants() -> int:
    return int(tree_version().model_id)


def made(chief: Client, plants: int, rhythm: str = "days") -> ScheduledRetraining:
    assert chief.post(ADD, answers(plants, **RHYTHMS[rhythm])).status_code == 302
    return ScheduledRetraining.objects.get()


def listed(chief: Client) -> str:
    return text(chief.get(LIST).content.decode())


@pytest.mark.parametrize("rhythm", RHYTHMS)
def test_the_next_run_is_when_beat_finds_it_due(chief: Client, plants: int, rhythm: str) -> None:
    row = made(chief, plants, rhythm)

    due, seconds = ModelEntry(PeriodicTask.objects.get(), app=app).is_due()

    assert not due
    beats = timezone.now() + timedelta(seconds=seconds)
    assert row.next_run is not None
    assert abs(row.next_run - beats) < timedelta(seconds=3)
    shown = date_format(row.next_run, "DATETIME_FORMAT")[:-2]  # but for the seconds
    assert shown in listed(chief)
    page = chief.get(reverse("admin:modelregistry_scheduledretraining_change", args=[row.pk]))
    assert shown in text(page.content.decode())
    assert "+00:00" not in text(page.content.decode())


def test_what_was_missed_runs_now(chief: Client, plants: int) -> None:
    made(chief, plants)
    PeriodicTask.objects.update(last_run_at=timezone.now() - timedelta(days=30))

    found = ScheduledRetraining.objects.get().next_run

    assert found is not None
    assert abs(found - timezone.now()) < timedelta(seconds=3)


def test_what_is_paused_has_no_next_run(chief: Client, plants: int) -> None:
    row = made(chief, plants)
    chief.post(LIST, {"action": "pause", "_selected_action": [row.pk]})

    assert ScheduledRetraining.objects.get().next_run is None
    assert "paused" in listed(chief)


def test_the_last_run_says_when(chief: Client, plants: int) -> None:
    made(chief, plants)
    job = submit(kind="retrain_model_task", params={"model": "plants"}, origin="schedule")

    assert f"queued {date_format(job.created_at, 'DATETIME_FORMAT')}" in listed(chief)


def test_it_runs_as_who_saved_it(chief: Client, plants: int) -> None:
    row = made(chief, plants)
    assert row.headers == json.dumps({"owner": User.objects.get(username="clerk").pk})
    assert runs_as(chief) == "clerk"

    PeriodicTask.objects.update(headers="{}")
    assert runs_as(chief) == "the operator"

    PeriodicTask.objects.update(headers='{"owner": 987654}')
    assert runs_as(chief) == "nobody: save it again"


def runs_as(chief: Client) -> str:
    cell = chief.get(LIST).content.decode().split("field-runs_as")[-1]
    return text(cell.split(">", 1)[1].split("</td>")[0])
