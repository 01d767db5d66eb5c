"""Staff change schedules while beat runs them: none is due for that alone, no run is forgotten."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.db.models import F, Model
from django.db.models.signals import post_init
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from django_celery_beat.models import IntervalSchedule, PeriodicTask
from django_celery_beat.schedulers import ModelEntry

from mlapi.celery import app
from modelregistry.artifacts import LocalFolder
from modelregistry.models import ScheduledRetraining
from tests.modelregistry.test_schedules_page import ADD, LIST, answers, clerk
from tests.modelregistry.trained import tree_version

pytestmark = [pytest.mark.django_db, pytest.mark.database]
DAY = timedelta(days=1)


@pytest.fixture
def plants() -> int:
    """A model that keeps rows to learn from."""
    return int(tree_version().model_id)


@pytest.fixture
def chief() -> Client:
    return clerk("retrain_registeredmodel", "promote_modelversion")


@pytest.fixture
def row(chief: Client, plants: int) -> ScheduledRetraining:
    """Every seven days; it ran yesterday, for the third time."""
    assert chief.post(ADD, answers(plants, every="7", period="days")).status_code == 302
    ran(timezone.now() - DAY, count=3)
    return ScheduledRetraining.objects.get()


def ran(at: datetime, *, count: object) -> None:
    """As beat notes it."""
    PeriodicTask.objects.update(last_run_at=at, total_run_count=count)


def page_of(row: ScheduledRetraining) -> str:
    return reverse("admin:modelregistry_scheduledretraining_change", args=[row.pk])


def is_due() -> bool:
    return bool(ModelEntry(PeriodicTask.objects.get(), app=app).is_due().is_due)


def switch(client: Client, row: ScheduledRetraining, action: str) -> None:
    client.post(LIST, {"action": action, "_selected_action": [row.pk]})


@contextmanager
def once_read(what: type[Model], then: Callable[[], object]) -> Iterator[None]:
    """Somebody else writes as soon as the page has read the first row of that kind."""

    def meanwhile(**_: Any) -> None:
        post_init.disconnect(meanwhile, sender=what)
        then()

    post_init.connect(meanwhile, sender=what)
    try:
        yield
    finally:
        assert not post_init.disconnect(meanwhile, sender=what)  # it was read


def beat_runs_it(at: datetime) -> None:
    ran(at, count=F("total_run_count") + 1)
    PeriodicTask.objects.update(description="nothing was started")


@pytest.mark.parametrize(
    "rhythm",
    [{"every": "1", "period": "hours"}, {"every": "", "at": "*/5 * * * *"}],
    ids=["every hour", "every five minutes"],
)
def test_another_rhythm_is_counted_from_now(
    chief: Client, plants: int, row: ScheduledRetraining, rhythm: dict[str, str]
) -> None:
    before = timezone.now()
    assert chief.post(page_of(row), answers(plants, **rhythm)).status_code == 302
    row.refresh_from_db()
    assert row.last_run_at is not None
    assert row.last_run_at >= before
    assert not is_due()


def test_another_margin_leaves_the_next_run_when_it_was(
    chief: Client, plants: int, row: ScheduledRetraining
) -> None:
    last = row.last_run_at
    same = answers(plants, every="7", period="days", promote_if_better_by="0.1")
    assert chief.post(page_of(row), same).status_code == 302
    row.refresh_from_db()
    assert (row.last_run_at, row.margin) == (last, 0.1)


def test_what_was_missed_during_a_pause_is_not_made_up(
    chief: Client, row: ScheduledRetraining
) -> None:
    switch(chief, row, "pause")
    ran(timezone.now() - 30 * DAY, count=3)
    switch(chief, row, "resume")
    assert not is_due()


def paused(client: Client, row: ScheduledRetraining, model: int) -> None:
    switch(client, row, "pause")


def saved(client: Client, row: ScheduledRetraining, model: int) -> None:
    given = answers(model, every="7", period="days", promote_if_better_by="0.1")
    assert client.post(page_of(row), given).status_code == 302


@pytest.mark.parametrize("change", [paused, saved])
def test_a_run_that_is_noted_meanwhile_is_kept(
    chief: Client,
    plants: int,
    row: ScheduledRetraining,
    change: Callable[[Client, ScheduledRetraining, int], None],
) -> None:
    at = timezone.now()
    with once_read(IntervalSchedule, lambda: beat_runs_it(at)):  # it is read after its schedule
        change(chief, row, plants)
    row.refresh_from_db()
    assert (row.last_run_at, row.total_run_count) == (at, 4)
    assert row.description == "nothing was started"
    assert (row.enabled, row.margin) == ((False, None) if change is paused else (True, 0.1))


def test_a_schedule_that_is_deleted_meanwhile_is_told_so(
    chief: Client, plants: int, row: ScheduledRetraining
) -> None:
    given = answers(plants, every="8", period="days")
    with once_read(ScheduledRetraining, lambda: PeriodicTask.objects.all().delete()):
        answer = chief.post(page_of(row), given, follow=True)
    assert "Perhaps it was deleted?" in answer.content.decode()
    assert not PeriodicTask.objects.exists()


def test_what_runs_next_is_counted_from_the_last_run(row: ScheduledRetraining) -> None:
    assert row.counted_from == row.last_run_at


@pytest.mark.django_db(transaction=True)
def test_the_rows_of_a_model_are_looked_at_before_the_transaction(
    chief: Client, plants: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[bool] = []
    open_file = LocalFolder.open

    def watched(folder: LocalFolder, name: str) -> Any:
        opened.append(connection.in_atomic_block)
        return open_file(folder, name)

    monkeypatch.setattr(LocalFolder, "open", watched)
    assert chief.post(ADD, answers(plants)).status_code == 302
    assert opened == [False]
