"""Workers that are killed: every job ends once, and its effect is there once."""

import random
import time
from collections.abc import Iterator
from pathlib import Path
from threading import Event

import pytest

from tests.jobs.house import House, house
from tests.running import until

pytestmark = [pytest.mark.stack, pytest.mark.timeout(600)]
JOBS, KILLS = 300, 20


@pytest.fixture(scope="module")
def shed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A house whose workers the tests start and kill."""
    with house(tmp_path_factory.mktemp("shed")) as made:
        yield made


@pytest.mark.database
def test_a_job_whose_worker_is_killed_runs_once_more(shed: House, tmp_path: Path) -> None:
    shed.start_worker()
    job_id = shed.submit("step_task", folder=str(tmp_path), seconds=0.005)
    until((tmp_path / job_id).exists, 30, "the first step")
    shed.kill("worker")
    killed_at = time.monotonic()
    shed.start_worker()
    job = shed.wait_for(job_id, "running", within_s=30)
    until(lambda: shed.call("job", job_id=job_id)["attempt"] == 2, 30, "a second attempt")
    assert time.monotonic() - killed_at < 30
    job = shed.wait_for(job_id, "succeeded")
    assert [event["state"] for event in job["events"] if event["state"]] == [
        "running",
        "queued",
        "running",
        "succeeded",
    ]
    shed.kill("worker")


def test_a_job_that_kills_its_worker_is_set_aside(shed: House) -> None:
    shed.start_worker()
    poison = shed.submit("poison_task")
    for _ in range(3):
        neighbour = shed.submit("add_task", numbers=[1])
        assert shed.wait_for(neighbour, "succeeded")["attempt"] == 1
    job = shed.wait_for(poison, "dead", within_s=120)
    assert (job["attempt"], job["error_code"]) == (3, "worker_lost")
    assert [event["state"] for event in job["events"]].count("dead") == 1
    shed.kill("worker")


def test_of_many_jobs_none_is_lost_and_none_done_twice(shed: House, tmp_path: Path) -> None:
    before = shed.call("terminal_events")
    params = {"folder": str(tmp_path), "seconds": 0.25}
    ids = shed.call("submit", kind="file_task", params=params, count=JOBS)["ids"]
    chance = random.Random(7)
    for _ in range(KILLS):
        shed.start_worker()
        Event().wait(chance.uniform(0.1, 1.5))
        shed.kill("worker")
    shed.start_worker()
    until(lambda: set(shed.call("states")) <= {"succeeded", "dead"}, 300, "all jobs' end")
    assert all(shed.call("job", job_id=job_id)["state"] == "succeeded" for job_id in ids)
    assert shed.call("terminal_events") - before == JOBS
    assert {path.name for path in tmp_path.iterdir()} == set(ids)
    shed.kill("worker")
