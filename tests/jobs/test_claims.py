"""Who has a job: claims, leases, ends. Every change is won by one and by nobody else."""

import threading
import time
from datetime import timedelta

import pytest
from django.db import IntegrityError, OperationalError, connection, connections
from django.utils import timezone

from jobs import execution, services, states
from jobs.errors import Cancelled, NotCancellable, NotRetryable, Superseded, UnknownJob
from jobs.kinds import find
from jobs.lease import Lease
from jobs.models import Job, JobEvent, Line
from tests.jobs.rows import queued, running, states_of
from tests.running import until

pytestmark = [
    pytest.mark.database,
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("test_kinds"),
]


def test_of_many_who_claim_at_once_one_wins() -> None:
    job = queued()
    rivals, won = threading.Barrier(3), []

    def claim() -> None:
        mine = Job.objects.find(job.pk)
        rivals.wait()
        won.append(execution.claim(mine, worker="here"))
        connections.close_all()

    threads = [threading.Thread(target=claim) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(won) == [False] * 2 + [True]
    fresh = Job.objects.find(job.pk)
    assert (fresh.state, fresh.attempt, states_of(fresh)) == ("running", 1, ["running"])


def test_what_is_not_due_is_not_claimed() -> None:
    job = queued(not_before=timezone.now() + timedelta(hours=1))
    assert not execution.run(job, find("add_task"), worker="here:1")
    assert (Job.objects.find(job.pk).state, states_of(job)) == ("queued", [])


def test_a_run_ends_with_one_terminal_event() -> None:
    job = queued()
    twin = Job.objects.find(job.pk)
    assert execution.run(job, find("add_task"), worker="here:1")
    assert not execution.run(twin, find("add_task"), worker="here:2")
    fresh = Job.objects.find(job.pk)
    assert (fresh.state, fresh.result) == ("succeeded", {"sum": 1, "attempt": 1})
    assert states_of(fresh) == ["running", "succeeded"]
    assert fresh.seq == fresh.events.count() == 2


def test_what_is_terminal_stays_so() -> None:
    job = running()
    stale = Job.objects.find(job.pk)
    execution.finish(job, execution.Outcome(state=states.FAILED, code="x", detail="First."))
    assert not execution.finish(stale, execution.Outcome(state=states.SUCCEEDED, result=1))
    assert Job.objects.find(job.pk).error_detail == "First."
    with pytest.raises(ValueError, match="never goes from failed"):
        Job.objects.move(job, states.QUEUED, Line("Again.", timezone.now()))
    with pytest.raises(IntegrityError):
        JobEvent.objects.create(job=job, seq=99, message="twice", state=states.SUCCEEDED)


def test_cancelling_a_queued_job_ends_it() -> None:
    job = services.cancel(job=queued(), actor=None)
    assert (job.state, job.error_code) == ("cancelled", "cancelled")
    assert not execution.run(Job.objects.find(job.pk), find("add_task"), worker="here:1")
    with pytest.raises(NotCancellable):
        services.cancel(job=job, actor=None)


@pytest.mark.alone
def test_cancelling_a_running_job_is_seen_by_its_handler() -> None:
    job = running()
    with Lease(job) as lease:
        lease.progress(1, 10)
        asked = services.cancel(job=job, actor=None)
        assert (asked.state, asked.cancel_requested_at is not None) == ("running", True)
        with pytest.raises(Cancelled):
            until(lambda: lease.progress(2, 10), 5, "the wish to be seen")
    again = services.cancel(job=job, actor=None)
    assert again.seq == Job.objects.find(job.pk).seq  # asked once


def test_a_handler_that_reports_rarely_sees_the_wish_at_its_next_call() -> None:
    job = running()
    now = [0.0]
    with Lease(job, clock=lambda: now[0]) as lease:
        services.cancel(job=job, actor=None)
        now[0] = 3.0  # before the next heartbeat
        with pytest.raises(Cancelled):
            lease.progress(1, 2)


def test_a_lease_runs_from_before_its_claim() -> None:
    lease = Lease(running(), since=100.0, clock=lambda: 121.0)
    with pytest.raises(Superseded):
        lease.check()


def test_the_last_report_and_every_line_are_kept() -> None:
    job, began = running(), time.monotonic()
    with Lease(job) as lease:
        for done in range(500):
            lease.progress(done, 499, "counting")
        lease.log("first")
        lease.log("a NUL \x00 and a surrogate \ud800", "warning")
    fresh = Job.objects.find(job.pk)
    assert (fresh.progress_done, fresh.progress_stage) == (499, "counting")
    took = time.monotonic() - began
    assert fresh.seq < 12 + 5 * took  # five writes a second, not one a report
    lines = fresh.events.filter(state="").order_by("seq")
    assert [line.message for line in lines] == ["first", "a NUL  and a surrogate ?"]


@pytest.mark.parametrize("state", [states.SUCCEEDED, states.FAILED])
def test_an_end_whose_commit_was_not_answered_has_its_consequences_once(
    monkeypatch: pytest.MonkeyPatch, state: str
) -> None:
    job, commit, commits, followed = running(), connection.commit, [], []

    def unheard() -> None:
        commit()
        commits.append(job)
        if len(commits) == 1:
            raise OperationalError("the server closed the connection unexpectedly")

    monkeypatch.setattr(connection, "commit", unheard)
    monkeypatch.setattr(execution, "count_finished", followed.append)
    assert execution.finish(job, execution.Outcome(state=state))
    assert followed == [job]
    assert job.state == state
    assert states_of(job) == ["running", state]


def test_an_end_that_another_attempt_wrote_is_not_taken_for_ours() -> None:
    job = running()
    assert execution.finish(Job.objects.find(job.pk), execution.Outcome(state=states.SUCCEEDED))
    assert not execution.finish(job, execution.Outcome(state=states.SUCCEEDED))


def test_only_what_has_not_succeeded_is_tried_again() -> None:
    for job in (queued(), running()):
        with pytest.raises(NotRetryable):
            services.retry(job=job, actor=None)


@pytest.mark.parametrize("words", ["", "nobody", "5f0b1c0e-6f0e-4c56-9a55-2d1f5b7c9a10"])
def test_an_unknown_id_is_an_unknown_job(words: str) -> None:
    with pytest.raises(UnknownJob):
        Job.objects.find(words)
