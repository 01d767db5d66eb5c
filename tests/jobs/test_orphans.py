"""Jobs whose worker was lost, stopped or cut off: who takes them, and what becomes of them."""

import threading
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from django.db import InterfaceError, connections
from django.db.models.functions import Now
from django.utils import timezone

from jobs import execution, kinds, services, states
from jobs.dispatch import rescue_orphans
from jobs.errors import Superseded
from jobs.kinds import find
from jobs.lease import Lease
from jobs.models import Job, JobQuerySet
from tests.jobs.rows import lose, queued, running, states_of
from tests.running import until

pytestmark = [
    pytest.mark.database,
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("test_kinds"),
]


def rescued(job: Job) -> Job:
    lose(job)
    rescue_orphans(timezone.now())
    return Job.objects.find(job.pk)


@pytest.mark.alone
def test_an_orphan_is_queued_again_and_its_old_worker_changes_nothing_more() -> None:
    old = running()
    rescue_orphans(timezone.now())
    assert Job.objects.find(old.pk).state == "running"
    new = rescued(old)
    assert (new.state, new.attempt) == ("queued", 1)
    assert execution.claim(new, worker="here:2")
    assert not execution.finish(old, execution.Outcome(state=states.SUCCEEDED))
    lease = Lease(old)
    with lease, pytest.raises(Superseded):
        until(lambda: lease.progress(1, 2), 5, "the loss to be noticed")
    fresh = Job.objects.find(old.pk)
    assert (fresh.attempt, fresh.worker, fresh.progress_done) == (2, "here:2", None)


def test_a_job_that_waits_again_shows_nothing_of_its_lost_run() -> None:
    job = running()
    with Lease(job) as lease:
        lease.progress(5, 10, "half way")
    new = rescued(job)
    assert (new.started_at, new.heartbeat_at, new.lease_until, new.worker) == (None, None, None, "")
    assert (new.progress_done, new.progress_total, new.progress_stage) == (None, None, "")


def test_an_orphan_that_was_lost_too_often_is_dead() -> None:
    job = rescued(running(attempt=2))
    assert (job.state, job.error_code, job.attempt) == ("dead", "worker_lost", 3)
    assert job.finished_at is not None
    assert states_of(job) == ["running", "dead"]


def test_an_orphan_that_was_heard_of_beyond_its_time_limit_has_failed() -> None:
    job = running("spin_task")
    Job.objects.filter(pk=job.pk).update(heartbeat_at=job.started_at + timedelta(seconds=5))
    fresh = rescued(job)
    assert (fresh.state, fresh.error_code, fresh.attempt) == ("failed", "time_limit", 1)
    assert fresh.error_detail == "The work took longer than 1 s."


def test_of_several_dispatchers_one_rescues() -> None:
    job = running()
    lose(job)
    at_once = threading.Barrier(3)

    def rescue() -> None:
        at_once.wait()
        rescue_orphans(timezone.now())
        connections.close_all()

    threads = [threading.Thread(target=rescue) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert states_of(job) == ["running", "queued"]


def test_a_wish_to_cancel_outlives_its_worker() -> None:
    job = running()
    services.cancel(job=job, actor=None)
    assert rescued(job).state == "cancelled"


@pytest.mark.parametrize("hours", [-1, 1], ids=["slow", "fast"])
def test_a_wrong_clock_makes_a_lease_neither_shorter_nor_longer(
    monkeypatch: pytest.MonkeyPatch, hours: int
) -> None:
    right = timezone.now

    def wrong() -> datetime:
        return right() + timedelta(hours=hours)

    monkeypatch.setattr(timezone, "now", wrong)
    claimed, kept = running(), running()
    with Lease(kept) as lease:
        lease.progress(1, 2)
    rescue_orphans(timezone.now())  # the dispatcher's clock is wrong too
    monkeypatch.setattr(timezone, "now", right)
    rescue_orphans(timezone.now())
    soon = Now() + timedelta(seconds=21)
    held = Job.objects.filter(state=states.RUNNING, lease_until__lt=soon)
    assert {job.pk for job in held} == {claimed.pk, kept.pk}


def unreachable(*_args: object, **_facts: object) -> Any:
    raise InterfaceError("the connection is closed")


def test_a_worker_that_is_cut_off_from_the_database_stops_by_itself(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = [0.0]
    monkeypatch.setattr(JobQuerySet, "keep", unreachable)
    with Lease(running(), clock=lambda: now[0]) as lease:
        now[0] = 19.0
        lease.log("within the lease")
        now[0] = 21.0
        with pytest.raises(Superseded):
            lease.log("beyond it")


def test_heartbeats_go_on_when_the_connection_is_back(monkeypatch: pytest.MonkeyPatch) -> None:
    job, refused, keep = running(), threading.Event(), JobQuerySet.keep

    def once_unreachable(*args: Any, **facts: Any) -> bool:
        if refused.is_set():
            return keep(*args, **facts)
        refused.set()
        return bool(unreachable())

    monkeypatch.setattr(JobQuerySet, "keep", once_unreachable)
    with Lease(job) as lease:
        lease.progress(1, 2)
        assert refused.wait(30)
        until(lambda: Job.objects.find(job.pk).progress_done == 1, 30, "the report")


def test_what_ended_without_success_is_undone_once(monkeypatch: pytest.MonkeyPatch) -> None:
    undone: list[UUID] = []
    for name in ("add_task", "stumble_task", "spin_task"):
        monkeypatch.setitem(kinds._kinds, name, replace(find(name), undo=undone.append))
    cancelled, failed = queued(), queued("stumble_task", params={"words": "x"})
    services.cancel(job=cancelled, actor=None)
    execution.run(failed, find("stumble_task"), worker="here:1")
    dead, again = running(attempt=2), running()
    rescued(dead)
    rescued(again)
    execution.run(queued(), find("add_task"), worker="here:1")
    assert undone == [cancelled.pk, failed.pk, dead.pk]


def test_an_end_stands_where_undoing_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(kinds._kinds, "add_task", replace(find("add_task"), undo=unreachable))
    job = services.cancel(job=queued(), actor=None)
    assert Job.objects.find(job.pk).state == "cancelled"
