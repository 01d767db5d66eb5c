"""A broker that is gone, or answers nothing: submits go on, and all that was accepted runs."""

import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event

import pytest

from tests.jobs.house import House, house
from tests.running import until

pytestmark = [pytest.mark.stack, pytest.mark.timeout(300)]
SUBMIT_WITHIN_S = 2.5
OUTAGE_S = 8.0


@pytest.fixture
def depot(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with house(tmp_path_factory.mktemp("depot")) as made:
        made.start_worker()
        made.wait_for(made.submit("add_task", numbers=[1]), "succeeded")
        yield made


def pause(depot: House) -> None:
    depot.processes["valkey"].send_signal(signal.SIGSTOP)


def go_on(depot: House) -> None:
    depot.processes["valkey"].send_signal(signal.SIGCONT)


def kill(depot: House) -> None:
    depot.kill("valkey")


@pytest.mark.parametrize(
    ("lose", "bring_back"),
    [(pause, go_on), (kill, House.start_valkey)],
    ids=["paused", "killed"],
)
def test_submits_are_accepted_in_time_and_run_when_it_is_back(
    depot: House, lose: Callable[[House], None], bring_back: Callable[[House], None]
) -> None:
    lose(depot)
    slowest = 0.0
    for _ in range(8):
        answer = depot.call("submit", kind="add_task", params={"numbers": [1]}, count=5)
        slowest = max(slowest, answer["slowest_s"])
        Event().wait(OUTAGE_S / 8)
    assert slowest < SUBMIT_WITHIN_S
    assert depot.call("states") == {"queued": 40, "succeeded": 1}
    bring_back(depot)
    until(lambda: depot.call("states") == {"succeeded": 41}, 90, "all to run")
    assert depot.call("terminal_events") == 41
    assert depot.processes["worker"].poll() is None


def test_a_worker_at_work_outlives_an_outage(depot: House, tmp_path: Path) -> None:
    worker = depot.processes["worker"]
    job_id = depot.submit("step_task", folder=str(tmp_path), seconds=0.02)
    until(lambda: depot.call("job", job_id=job_id)["progress_done"], 30, "progress")
    kill(depot)
    until(lambda: "Cannot connect" in depot.log("worker"), 20, "the loss")
    depot.start_valkey()
    until(lambda: depot.log("worker").count(" Connected to") == 2, 30, "the worker's return")
    assert depot.call("job", job_id=job_id)["state"] == "running"
    assert depot.wait_for(job_id, "succeeded", within_s=60)["attempt"] == 1
    next_id = depot.submit("add_task", numbers=[1])
    assert depot.wait_for(next_id, "succeeded")["attempt"] == 1
    assert worker.poll() is None
    assert "Unrecoverable" not in depot.log("worker")
