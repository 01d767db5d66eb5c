"""What is accepted and what is refused, and when the broker is told."""

import math
import threading
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connections, transaction
from django.utils import timezone

from jobs import dispatch, publishing, services
from jobs.errors import KeyReused, UnknownKind, WrongParams
from jobs.models import Job

pytestmark = [
    pytest.mark.database,
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("test_kinds"),
]


class Broker:
    """Stands where messages leave the process: which ids, or a fault."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.fault: Exception | None = None

    def send(self, job: Job) -> None:
        if self.fault is not None:
            raise self.fault
        self.told.append(str(job.pk))


@pytest.fixture
def broker(monkeypatch: pytest.MonkeyPatch) -> Broker:
    made = Broker()
    monkeypatch.setattr(publishing, "_send", made.send)
    monkeypatch.setattr(publishing.breaker, "_open_until", 0.0)
    return made


def submit(**facts: Any) -> Job:
    return services.submit(**{"kind": "add_task", "params": {"numbers": [1]}, **facts})


def test_the_message_goes_out_after_the_callers_commit(broker: Broker) -> None:
    with transaction.atomic():
        job = submit()
        assert broker.told == []
    assert broker.told == [str(job.pk)]


def test_no_row_and_no_message_of_a_transaction_that_was_taken_back(broker: Broker) -> None:
    with transaction.atomic():
        submit()
        transaction.set_rollback(True)
    assert (broker.told, Job.objects.count()) == ([], 0)


def test_after_a_fault_the_broker_is_left_alone_and_dispatch_tells_it_later(
    broker: Broker,
) -> None:
    broker.fault = OSError("gone")
    first = submit()
    broker.fault = None
    second = submit()
    assert broker.told == []
    assert set(Job.objects.values_list("published_at", flat=True)) == {None}
    publishing.breaker._open_until = 0.0
    dispatch.publish_waiting(timezone.now())
    assert broker.told == [str(first.pk), str(second.pk)]
    dispatch.publish_waiting(timezone.now())
    assert len(broker.told) == 2


def test_what_is_not_due_waits(broker: Broker) -> None:
    due = timezone.now() + timedelta(hours=1)
    job = submit(not_before=due)
    dispatch.publish_waiting(timezone.now())
    assert broker.told == []
    dispatch.publish_waiting(due)
    assert broker.told == [str(job.pk)]


def test_a_message_that_was_lost_is_sent_again(
    broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    jobs = [submit() for _ in range(3)]
    waiting = {str(jobs[0].pk), str(jobs[2].pk), "another's"}
    monkeypatch.setattr(dispatch, "ids_in_queue", lambda: waiting)
    dispatch.publish_lost(timezone.now())
    assert len(broker.told) == 3
    dispatch.publish_lost(timezone.now() + timedelta(seconds=11))
    assert broker.told[3:] == [str(jobs[1].pk)]


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"numbers": ["1"]},
        {"numbers": [True]},
        {"numbers": [1], "more": 1},
        {"numbers": [math.nan]},
        {"numbers": [math.inf]},
        {"numbers": None},
        [1],
    ],
    ids=str,
)
def test_parameters_of_another_shape_are_refused(broker: Broker, params: Any) -> None:
    with pytest.raises(WrongParams):
        submit(params=params)
    assert Job.objects.count() == 0


@pytest.mark.parametrize("words", ["\x00", "\ud800"], ids=["nul", "surrogate"])
def test_words_no_database_holds_are_refused(broker: Broker, words: str) -> None:
    with pytest.raises(WrongParams):
        submit(kind="refuse_task", params={"words": words})


def test_an_unknown_kind_is_refused(broker: Broker) -> None:
    with pytest.raises(UnknownKind):
        submit(kind="nobody_knows")


def test_a_key_starts_one_job_however_often_it_comes(broker: Broker) -> None:
    at_once = threading.Barrier(3)
    ids = []

    def once() -> None:
        at_once.wait()
        ids.append(submit(idempotency_key="k").pk)
        connections.close_all()

    threads = [threading.Thread(target=once) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(ids) == 3
    assert len(set(ids)) == len(broker.told) == Job.objects.count() == 1


def test_a_key_is_its_owners_and_of_one_work(broker: Broker) -> None:
    ann = User.objects.create_user("ann")
    first = submit(idempotency_key="k")
    assert submit(idempotency_key="k", owner=ann).pk != first.pk
    with pytest.raises(KeyReused):
        submit(idempotency_key="k", params={"numbers": [2]})
