"""What dies again and again: the stack ends where it would answer nothing, else it is tried on."""

import signal

import httpx
import pytest

from mlapi.child import Process
from mlapi.supervisor import GIVE_UP_AFTER, LONGEST_DELAY_S, Member
from tests.conftest import Install
from tests.running import running, until

ROW = {"features": [5.1, 3.5, 1.4, 0.2]}


def died(member: Member, times: int) -> Member:
    for _ in range(times):
        member.died(2, now=0.0)
    return member


def member(*, essential: bool = False) -> Member:
    return Member(Process(name="one", argv=(), env={}, essential=essential))


def test_what_was_never_ready_is_hopeless_after_five_deaths() -> None:
    one = died(member(), GIVE_UP_AFTER - 1)
    assert not one.is_hopeless
    assert died(one, 1).is_hopeless


def test_what_was_ready_once_is_never_hopeless_and_waits_no_longer_than_so() -> None:
    one = member()
    one.became_ready()
    assert not died(one, 1000).is_hopeless
    assert one.restart_at == LONGEST_DELAY_S


def test_what_nothing_is_answered_without_is_hopeless_though_it_was_ready() -> None:
    one = member(essential=True)
    one.became_ready()
    assert died(one, GIVE_UP_AFTER).is_hopeless


@pytest.mark.stack
@pytest.mark.timeout(600)
def test_a_worker_that_cannot_start_beside_a_hung_broker_ends_nothing(install: Install) -> None:
    with running(install("hung")) as stack:
        broker = stack.child("valkey-server")
        broker.suspend()
        stack.child("-m", "celery", "worker").send_signal(signal.SIGKILL)
        statuses = set()

        def given_up_before() -> bool:
            statuses.add(httpx.post(f"{stack.base_url}/predict-async", json=ROW).status_code)
            return stack.log.count("starting it again") > GIVE_UP_AFTER

        until(given_up_before, 240, "more deaths than used to end it")
        broker.resume()
        answer = httpx.post(f"{stack.base_url}/predict/async", json=ROW).json()
        task = f"{stack.base_url}/task/{answer['task_id']}"
        until(lambda: httpx.get(task).json()["status"] == "completed", 180, "a worker is back")
        assert statuses == {200}
