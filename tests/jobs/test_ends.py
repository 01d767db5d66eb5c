"""An end and what it takes back are written together, whoever writes the end, whatever fails."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from itertools import count
from uuid import UUID

import pytest
from django.contrib.auth.models import User
from django.db import OperationalError
from django.utils import timezone

from jobs import execution, kinds, services, states
from jobs.dispatch import rescue_orphans
from jobs.kinds import find
from jobs.models import Job
from tests.crashing import Broker, Killed, Nth, in_database, in_unheard_commits
from tests.jobs.rows import lose, queued, running

pytestmark = [
    pytest.mark.database,
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("no_pause"),
]


@pytest.fixture
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(execution, "RETRY_AFTER_S", (0.0, 0.0, 0.0))


@pytest.fixture(autouse=True)
def half_made(test_kinds: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a job leaves half made is a user of its id; taking it back deletes it."""

    def take_back(job_id: UUID) -> None:
        User.objects.filter(username=str(job_id)).delete()

    monkeypatch.setitem(kinds._kinds, "add_task", replace(find("add_task"), undo=take_back))


def lost() -> Job:
    job = running(attempt=2)
    lose(job)
    return job


ENDS: dict[str, tuple[Callable[[], Job], Callable[[Job], object]]] = {
    "finish": (
        running,
        lambda job: execution.finish(job, execution.Outcome(state=states.FAILED)),
    ),
    "cancel": (queued, lambda job: services.cancel(job=job, actor=None)),
    "rescue": (lost, lambda _: rescue_orphans(timezone.now())),
}


def half_done(make: Callable[[], Job]) -> Job:
    job = make()
    User.objects.create(username=str(job.pk))
    return job


def ended_and_taken_back(job: Job) -> bool:
    """Both or neither, that is certain; which of the two."""
    row = Job.objects.find(job.pk)
    assert row.is_terminal != User.objects.filter(username=str(job.pk)).exists()
    assert row.events.filter(state__in=states.TERMINAL).exists() == row.is_terminal
    return row.is_terminal


@pytest.mark.parametrize("fault", [Killed, OperationalError])
@pytest.mark.parametrize(("make", "end"), ENDS.values(), ids=ENDS)
def test_a_query_that_fails_leaves_the_end_and_what_it_takes_back_or_neither(
    make: Callable[[], Job], end: Callable[[Job], object], fault: type[BaseException]
) -> None:
    with Broker().answering():
        for number in count(1):
            job, nth = half_done(make), Nth(number, fault)
            with suppress(fault), in_database(nth):
                end(job)
            if not ended_and_taken_back(job):
                end(Job.objects.find(job.pk))  # whoever comes next
                assert ended_and_taken_back(job)
            if not nth.came:
                break
    assert number > 6


@pytest.mark.parametrize(("make", "end"), ENDS.values(), ids=ENDS)
def test_a_commit_that_is_not_answered_is_an_end_all_the_same(
    make: Callable[[], Job], end: Callable[[Job], object]
) -> None:
    job = half_done(make)
    with suppress(OperationalError), in_unheard_commits(Nth(1, OperationalError)):
        end(job)
    assert ended_and_taken_back(job)


def test_a_worker_does_not_mind_a_query_that_fails_once() -> None:
    for number in count(1):
        job, nth = half_done(running), Nth(number, OperationalError)
        with in_database(nth):
            assert execution.finish(job, execution.Outcome(state=states.FAILED))
        assert (job.state, ended_and_taken_back(job)) == (states.FAILED, True)
        if not nth.came:
            break


@pytest.mark.parametrize(("make", "end"), ENDS.values(), ids=ENDS)
def test_an_end_stands_where_taking_back_fails_and_the_log_has_it(
    make: Callable[[], Job],
    end: Callable[[Job], object],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def half_way(job_id: UUID) -> None:
        User.objects.filter(username=str(job_id)).delete()
        raise ValueError("half way")

    monkeypatch.setitem(kinds._kinds, "add_task", replace(find("add_task"), undo=half_way))
    job = half_done(make)
    end(job)
    assert Job.objects.find(job.pk).is_terminal
    assert User.objects.filter(username=str(job.pk)).exists()  # all of it or nothing
    assert "what it left half made is there still" in caplog.text
