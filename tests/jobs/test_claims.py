"""Who has a job: claims, leases, ends. Every change is won by one and by nobody else."""

import threading
from datetime import timedelta

import pytest
from django.db import IntegrityError, connections
from django.utils import timezone

from jobs import execution, services, states
from jobs.dispatch import rescue_orphans
from jobs.errors import Cancelled, NotCancellable, NotRetryable, Superseded, UnknownJob
from jobs.kinds import find
from jobs.lease import Lease
from jobs.models import Job, JobEvent, Line
from tests.running import until

pytestmark = [
    pytest.mark.database,
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("test_kinds"),
]


def queued(**facts: object) -> Job:
    job = Job(kind="add_task", params={"numbers": [1]}, **facts)
    job.save(force_insert=True)
    return job


def running(**facts: object) -> Job:
    job = queued(**facts)
    assert execution.claim(job, worker="here:1")
    return job


def states_of(job: Job) -> list[str]:
    return [event.state for event in job.events.order_by("seq") if event.state]


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


def test_an_orphan_is_queued_again_and_its_old_worker_changes_nothing_more() -> None:
    old = running()
    rescue_orphans(timezone.now())
    assert Job.objects.find(old.pk).state == "running"
    rescue_orphans(timezone.now() + timedelta(seconds=21))
    new = Job.objects.find(old.pk)
    assert (new.state, new.attempt) == ("queued", 1)
    assert execution.claim(new, worker="here:2")
    assert not execution.finish(old, execution.Outcome(state=states.SUCCEEDED))
    lease = Lease(old)
    with lease, pytest.raises(Superseded):
        until(lambda: lease.progress(1, 2), 5, "the loss to be noticed")
    fresh = Job.objects.find(old.pk)
    assert (fresh.attempt, fresh.worker, fresh.progress_done) == (2, "here:2", None)


def test_an_orphan_that_was_lost_too_often_is_dead() -> None:
    job = running(attempt=2)
    rescue_orphans(timezone.now() + timedelta(seconds=21))
    fresh = Job.objects.find(job.pk)
    assert (fresh.state, fresh.error_code, fresh.attempt) == ("dead", "worker_lost", 3)
    assert fresh.finished_at is not None
    assert states_of(fresh) == ["running", "dead"]


def test_of_several_dispatchers_one_rescues() -> None:
    job = running()
    later = timezone.now() + timedelta(seconds=21)
    at_once = threading.Barrier(3)

    def rescue() -> None:
        at_once.wait()
        rescue_orphans(later)
        connections.close_all()

    threads = [threading.Thread(target=rescue) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert states_of(job) == ["running", "queued"]


def test_cancelling_a_queued_job_ends_it() -> None:
    job = services.cancel(job=queued(), actor=None)
    assert (job.state, job.error_code) == ("cancelled", "cancelled")
    assert not execution.run(Job.objects.find(job.pk), find("add_task"), worker="here:1")
    with pytest.raises(NotCancellable):
        services.cancel(job=job, actor=None)


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


def test_a_wish_to_cancel_outlives_its_worker() -> None:
    job = running()
    services.cancel(job=job, actor=None)
    rescue_orphans(timezone.now() + timedelta(seconds=21))
    assert Job.objects.find(job.pk).state == "cancelled"


def test_a_handler_that_reports_rarely_sees_the_wish_at_its_next_call() -> None:
    job = running()
    now = [0.0]
    with Lease(job, clock=lambda: now[0]) as lease:
        services.cancel(job=job, actor=None)
        now[0] = 3.0  # before the next heartbeat
        with pytest.raises(Cancelled):
            lease.progress(1, 2)


def test_the_last_report_and_every_line_are_kept() -> None:
    job = running()
    with Lease(job) as lease:
        for done in range(500):
            lease.progress(done, 499, "counting")
        lease.log("first")
        lease.log("a NUL \x00 and a surrogate \ud800", "warning")
    fresh = Job.objects.find(job.pk)
    assert (fresh.progress_done, fresh.progress_stage) == (499, "counting")
    assert fresh.seq < 12  # five writes a second, not one a report
    lines = fresh.events.filter(state="").order_by("seq")
    assert [line.message for line in lines] == ["first", "a NUL  and a surrogate ?"]


def test_only_what_has_not_succeeded_is_tried_again() -> None:
    for job in (queued(), running()):
        with pytest.raises(NotRetryable):
            services.retry(job=job, actor=None)


@pytest.mark.parametrize("words", ["", "nobody", "5f0b1c0e-6f0e-4c56-9a55-2d1f5b7c9a10"])
def test_an_unknown_id_is_an_unknown_job(words: str) -> None:
    with pytest.raises(UnknownJob):
        Job.objects.find(words)
