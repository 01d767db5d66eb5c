"""What Prometheus reads of jobs."""

from datetime import timedelta

import pytest
from django.utils import timezone
from prometheus_client import REGISTRY

from jobs import execution, services
from jobs.kinds import find
from jobs.metrics import FINISHED, QUARANTINED, RESCUED, count_from_zero, read_gauges
from jobs.models import Job

pytestmark = [
    pytest.mark.database,
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("test_kinds"),
]


def value(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0.0


def queued(kind: str, params: dict[str, object], **facts: object) -> Job:
    job = Job(kind=kind, params=params, **facts)
    job.save(force_insert=True)
    return job


def test_ends_are_counted_by_kind_and_state() -> None:
    names = [("add_task", "succeeded"), ("stumble_task", "failed"), ("add_task", "cancelled")]
    before = [value("jobs_finished_total", kind=kind, state=state) for kind, state in names]
    started = value("jobs_wait_seconds_count", kind="add_task")
    ran = value("jobs_run_seconds_count", kind="stumble_task")
    execution.run(queued("add_task", {"numbers": [1]}), find("add_task"), worker="here:1")
    execution.run(queued("stumble_task", {"words": "x"}), find("stumble_task"), worker="here:1")
    services.cancel(job=queued("add_task", {"numbers": [1]}), actor=None)
    after = [value("jobs_finished_total", kind=kind, state=state) for kind, state in names]
    assert [new - old for new, old in zip(after, before, strict=True)] == [1, 1, 1]
    assert value("jobs_wait_seconds_count", kind="add_task") == started + 1
    assert value("jobs_run_seconds_count", kind="stumble_task") == ran + 1


def test_all_that_may_end_is_counted_from_zero_and_what_was_counted_stays() -> None:
    FINISHED.labels("add_task", "failed").inc()
    counted = value("jobs_finished_total", kind="add_task", state="failed")
    count_from_zero(FINISHED, RESCUED, QUARANTINED)
    for state in ("succeeded", "failed", "cancelled", "dead"):
        there = {"kind": "poison_task", "state": state}
        assert REGISTRY.get_sample_value("jobs_finished_total", there) == 0
    assert REGISTRY.get_sample_value("jobs_rescued_total", {"kind": "poison_task"}) == 0
    for reason in ("malformed", "unknown_task", "no_row", "wrong_arguments"):
        assert REGISTRY.get_sample_value("jobs_quarantined_total", {"reason": reason}) is not None
    assert value("jobs_finished_total", kind="add_task", state="failed") == counted


def test_gauges_are_what_the_rows_say_and_go_back_to_zero() -> None:
    now = timezone.now()
    job = queued("add_task", {"numbers": [1]}, created_at=now - timedelta(seconds=90))
    queued("add_task", {"numbers": [1]}, not_before=now + timedelta(hours=1))
    read_gauges(now, ["add_task"])
    assert value("jobs_queued", kind="add_task") == 2
    assert value("jobs_oldest_queued_seconds") == 90
    execution.claim(job, worker="here:1")
    read_gauges(now, ["add_task"])
    assert value("jobs_running", kind="add_task") == value("jobs_queued", kind="add_task") == 1
    assert value("jobs_oldest_queued_seconds") == 0
    Job.objects.all().delete()
    read_gauges(now, ["add_task"])
    assert value("jobs_running", kind="add_task") == value("jobs_queued", kind="add_task") == 0
