"""Two checks of one version: only the one that has its job still gives a verdict, and it counts."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from threading import Barrier, BrokenBarrierError
from uuid import UUID

import pytest
from django.db import connections

from jobs import execution
from jobs import services as jobs
from jobs.errors import Superseded
from jobs.kinds import find
from jobs.lease import Lease
from jobs.models import Job
from modelregistry import services
from modelregistry.errors import RefusedFile
from modelregistry.models import ModelVersion
from modelregistry.services import ingesting
from modelregistry.tasks.checking import end_without_verdict
from tests.crashing import Broker
from tests.modelregistry.crashes.agreement import check_agreement, look_after
from tests.modelregistry.crashes.operations import (
    handed_in,
    newest_job,
    run_job,
    verdict_and_task,
)

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.database,
    pytest.mark.usefixtures("repeated"),
]
READY = "classification"


@pytest.fixture
def broker() -> Broker:
    return Broker()


@pytest.fixture
def first(broker: Broker) -> Job:
    """The job of plants:1 in its first attempt."""
    with broker.answering():
        handed_in("plants")
    job = newest_job("plants")
    assert execution.claim(job, worker="here:1")
    return job


def plants() -> ModelVersion:
    return ModelVersion.objects.find("plants", 1)


def test_a_check_that_lost_its_lease_writes_no_verdict(first: Job, broker: Broker) -> None:
    def step(name: str) -> None:
        if name == "prove":
            look_after(broker)  # the job goes back to the queue

    with pytest.raises(Superseded):
        services.ingest(version=plants(), step=step, by=Lease(first))
    assert plants().is_under_way
    check_agreement("plants")
    run_job("plants")
    assert (plants().state, plants().model.task) == ("ready", READY)


def test_a_check_that_lost_its_lease_overwrites_nothing(
    first: Job, broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    look_at = ingesting.look_at

    def late(*_: object, **__: object) -> None:
        look_after(broker)
        monkeypatch.setattr(ingesting, "look_at", look_at)
        run_job("plants")
        raise RefusedFile("What the first attempt thinks of it.")

    monkeypatch.setattr(ingesting, "look_at", late)
    with pytest.raises(Superseded):
        services.ingest(version=plants(), by=Lease(first))
    assert (plants().state, plants().reason) == ("ready", "")


def test_a_check_that_gave_up_does_not_lose_the_verdict_of_another(first: Job) -> None:
    def step(name: str) -> None:
        if name == "prove":
            services.give_up(plants(), "Somebody cancelled another check.")

    services.ingest(version=plants(), step=step, by=Lease(first))
    assert (plants().state, plants().reason) == ("ready", "")
    assert verdict_and_task("plants") == (
        ("ready", "onnx", plants().onnx_size, "match"),
        READY,
    )


def test_a_verdict_says_what_the_model_does_and_a_refusal_does_not(
    first: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refusing(*_: object, **__: object) -> None:
        raise RefusedFile("It is no model.")

    monkeypatch.setattr(ingesting, "look_at", refusing)
    services.ingest(version=plants(), by=Lease(first))
    assert verdict_and_task("plants") == (("rejected", "", None, None), "")


def test_a_job_that_is_delivered_three_times_gives_one_verdict(broker: Broker) -> None:
    with broker.answering():
        handed_in("plants")
        job = newest_job("plants")
        for _ in range(3):
            execution.run(Job.objects.find(job.pk), find(job.kind), worker="here:1")
    assert Job.objects.find(job.pk).attempt == 1
    assert job.events.filter(state="succeeded").count() == 1
    assert plants().state == "ready"


def test_a_second_job_for_the_same_version_changes_nothing(first: Job, broker: Broker) -> None:
    with broker.answering():
        second = jobs.submit(kind=first.kind, params=first.params)
        assert execution.run(second, find(second.kind), worker="here:2")
        before = ModelVersion.objects.values().get()
        services.ingest(version=plants(), by=Lease(first))
    assert before["state"] == "ready"
    assert ModelVersion.objects.values().get() == before


def test_two_checks_that_fail_at_once_leave_the_version_to_a_retry(
    first: Job, broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    with broker.answering():
        second = jobs.submit(kind=first.kind, params=first.params)
        assert execution.claim(second, worker="here:2")
    kind, both = find(first.kind), Barrier(2)

    def undo(job_id: UUID) -> None:
        with suppress(BrokenBarrierError):  # where transactions come one after the other
            both.wait(timeout=1)
        end_without_verdict(job_id)

    monkeypatch.setattr(execution, "find", lambda _: replace(kind, undo=undo))
    failed = execution.Outcome(state="failed", code="not_looked_at", detail="The disk is full.")

    def fail(job: Job) -> bool:
        try:
            return execution.finish(job, failed)
        finally:
            connections.close_all()

    with broker.answering(), ThreadPoolExecutor(2) as pool:
        assert list(pool.map(fail, [first, second])) == [True, True]
    assert plants().state == "broken"
