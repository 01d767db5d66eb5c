"""What is due on a schedule becomes a job: its row first, once, or a note that says why not."""

import json
import logging
from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.contrib.auth.models import Permission, User
from django.db import OperationalError
from django.utils import timezone
from django_celery_beat.models import PeriodicTask, PeriodicTasks

from jobs import execution, scheduling
from jobs import services as jobs
from jobs.kinds import find
from jobs.models import Job
from jobs.scheduling import JobScheduler
from mlapi.celery import app
from tests.jobs.schedules import scheduled
from tests.running import until

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.database,
    pytest.mark.usefixtures("test_kinds"),
]


@pytest.fixture
def beat() -> JobScheduler:
    return JobScheduler(app=app)


def ticks(beat: JobScheduler) -> int:
    """The jobs it starts until nothing is due any more."""
    before = Job.objects.count()
    while beat.tick() == 0:
        pass
    return Job.objects.count() - before


def make_due(row: PeriodicTask) -> None:
    """As if it had last run a while ago; a beat that looks is told that rows have changed."""
    PeriodicTask.objects.filter(pk=row.pk).update(last_run_at=timezone.now() - timedelta(hours=1))
    PeriodicTasks.update_changed()


def pass_time(beat: JobScheduler) -> None:
    """As if its pause were over."""
    beat._last_full_sync -= scheduling.AGAIN_AFTER


def note(row: PeriodicTask) -> str:
    row.refresh_from_db()
    return str(row.description)


def test_what_is_due_is_a_job_and_the_run_is_noted(beat: JobScheduler) -> None:
    row = scheduled()
    make_due(row)
    assert ticks(beat) == 1
    job = Job.objects.get()
    assert (job.kind, job.origin, job.state) == ("add_task", "schedule", "queued")
    assert (job.params, job.owner) == ({"numbers": [1, 2]}, None)
    row.refresh_from_db()
    assert (row.total_run_count, row.description) == (1, "")
    assert timezone.now() - row.last_run_at < timedelta(minutes=1)
    assert ticks(beat) == 0


def test_a_schedule_runs_again_and_again_without_being_read_anew(beat: JobScheduler) -> None:
    row = scheduled(period="seconds")
    make_due(row)
    for count in (1, 2, 3):
        until(lambda: ticks(beat) == 1, 30, "the next second")
        row.refresh_from_db()
        assert (row.total_run_count, Job.objects.count()) == (count, count)
        Job.objects.update(state="succeeded")


def test_the_first_schedule_ever_is_seen_at_the_next_look(beat: JobScheduler) -> None:
    assert ticks(beat) == 0
    make_due(scheduled())
    assert ticks(beat) == 1


def test_a_schedule_that_is_off_or_gone_starts_nothing(beat: JobScheduler) -> None:
    rows = [scheduled(name=name) for name in ("off", "gone", "paused since it was read")]
    for row in rows:
        make_due(row)
    rows[0].enabled = False
    rows[0].save()
    rows[1].delete()
    assert len(beat.schedule) == 1
    PeriodicTask.objects.filter(pk=rows[2].pk).update(enabled=False)  # and nobody told beat
    assert ticks(beat) == 0


def test_a_second_beat_starts_nothing_twice(beat: JobScheduler) -> None:
    make_due(scheduled())
    other = JobScheduler(app=app)
    assert len(beat.schedule) == len(other.schedule) == 1  # both have read it before it ran
    assert ticks(beat) == 1
    Job.objects.update(state="succeeded")
    assert ticks(other) == 0


def test_a_beat_that_starts_anew_goes_on_where_the_last_one_was_killed(beat: JobScheduler) -> None:
    row = scheduled()
    make_due(row)
    ticks(beat)
    Job.objects.update(state="succeeded")
    assert ticks(JobScheduler(app=app)) == 0  # nothing was left to be written at its end


def test_a_run_that_cannot_be_noted_starts_nothing(
    beat: JobScheduler, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    row = scheduled()
    make_due(row)

    def away(made: object) -> Job:
        jobs.submit(kind="add_task", params={"numbers": [1]})
        raise OperationalError("gone")

    with monkeypatch.context() as broken:
        broken.setattr(scheduling, "_submit", away)
        assert ticks(beat) == 0
    assert "tried again in a moment: gone" in caplog.text
    row.refresh_from_db()
    assert row.total_run_count == 0
    assert ticks(beat) == 0  # not at once
    pass_time(beat)
    assert ticks(beat) == 1  # it is read again, and still due


def test_a_database_that_is_away_costs_one_line_and_no_schedule(
    beat: JobScheduler, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    make_due(scheduled())

    def away(*_: object) -> None:
        raise OperationalError("gone")

    with monkeypatch.context() as broken, caplog.at_level(logging.WARNING):
        broken.setattr(PeriodicTasks, "last_change", away)
        broken.setattr(PeriodicTask.objects.__class__, "enabled", away)
        assert ticks(beat) == 0
    assert len(caplog.records) <= 3
    assert all(record.exc_info is None for record in caplog.records)
    pass_time(beat)
    assert ticks(beat) == 1


def test_a_job_that_has_not_ended_is_waited_for(beat: JobScheduler) -> None:
    row = scheduled()
    make_due(row)
    ticks(beat)
    make_due(row)
    assert ticks(beat) == 0
    assert "nothing was started. The job that was started before has not ended." in note(row)
    assert execution.run(Job.objects.get(), find("add_task"), worker="here:1")
    make_due(row)
    assert ticks(beat) == 1
    assert note(row) == ""


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        ({"task": "celery.chord"}, "There is no kind of job named 'celery.chord'."),
        ({"params": {"numbers": ["x"]}}, "The parameters are not those of add_task"),
        ({"args": "[1]"}, "Its parameters have no names."),
        ({"headers": '{"owner": 4711}'}, "Whoever saved this schedule has no account any more"),
    ],
)
def test_what_cannot_be_started_says_so_on_its_schedule(
    beat: JobScheduler, facts: dict[str, object], said: str
) -> None:
    row = scheduled(**facts)
    make_due(row)
    assert ticks(beat) == 0
    assert said in note(row)
    row.refresh_from_db()
    assert row.total_run_count == 1  # it is not tried without end


@pytest.fixture
def guarded() -> Iterator[User]:
    """Somebody who may not retrain."""
    return User.objects.create_user("chief")


def test_the_jobs_are_of_who_saved_the_schedule_and_need_what_they_may(
    beat: JobScheduler, guarded: User
) -> None:
    row = scheduled(
        "retrain_model_task",
        {"model": "nobody"},
        headers=json.dumps({scheduling.OWNER: guarded.pk}),
    )
    make_due(row)
    ticks(beat)
    assert "You may not start jobs of this kind." in note(row)
    guarded.user_permissions.add(Permission.objects.get(codename="retrain_registeredmodel"))
    make_due(row)
    ticks(beat)
    assert "There is no model of this name." in note(row)
    PeriodicTask.objects.update(task="add_task", kwargs='{"numbers": [1]}')
    make_due(row)
    ticks(beat)
    assert Job.objects.get().owner == guarded
    User.objects.update(is_active=False)
    Job.objects.update(state="succeeded")
    make_due(row)
    assert ticks(beat) == 0
    assert "has no account any more" in note(row)


def test_nothing_of_celerys_own_is_scheduled(beat: JobScheduler) -> None:
    beat.tick()
    assert not PeriodicTask.objects.exists()
