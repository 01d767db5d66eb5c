"""Workers that are killed, messages that come thrice: a job ends once, its effect is there once."""

import random
import time
from collections.abc import Iterator
from pathlib import Path
from threading import Event

import pytest

from tests.jobs.house import House, house
from tests.running import manage, until

pytestmark = [pytest.mark.stack, pytest.mark.timeout(1500)]
JOBS, KILLS = 300, 20


def lines_of(folder: Path, job_id: str) -> list[str]:
    return (folder / job_id).read_text().splitlines()


@pytest.fixture(scope="module")
def shed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A house whose workers the tests start and kill."""
    with house(tmp_path_factory.mktemp("shed")) as made:
        yield made


@pytest.mark.alone
@pytest.mark.database
def test_a_job_whose_worker_is_killed_runs_once_more(shed: House, tmp_path: Path) -> None:
    shed.start_worker()
    job_id = shed.submit("step_task", folder=str(tmp_path), seconds=0.005)
    first = tmp_path / job_id
    until(lambda: first.exists() and first.read_text().endswith("\n"), 60, "the first step")
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
    assert lines_of(tmp_path, job_id) == ["run 1", "run 2"]
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
    jobs = [shed.call("job", job_id=job_id) for job_id in ids]
    assert {job["state"] for job in jobs} == {"succeeded"}
    assert shed.call("terminal_events") - before == JOBS
    assert sum(job["attempt"] > 1 for job in jobs) > 0
    for job in jobs:
        lines = lines_of(tmp_path, job["id"])
        assert lines.count("effect") == 1
        assert len(lines) == len(set(lines)) <= job["attempt"] + 1  # no attempt was run twice
    shed.kill("worker")


def test_a_message_that_comes_three_times_runs_its_job_once(shed: House, tmp_path: Path) -> None:
    ids = []
    for _ in range(60):
        ids.append(shed.submit("file_task", folder=str(tmp_path), seconds=0.02))
        assert shed.call("tell_again", ids=[ids[-1]] * 2)
    shed.start_worker(slots=4)  # three of them take the three messages of a job at once
    last = shed.submit("add_task", numbers=[1])  # behind them all
    shed.wait_for(last, "succeeded", within_s=120)
    jobs = [shed.wait_for(job_id, "succeeded") for job_id in ids]
    assert {job["attempt"] for job in jobs} == {1}
    assert {tuple(lines_of(tmp_path, job_id)) for job_id in ids} == {("run 1", "effect")}
    shed.kill("worker")


def test_retrainings_whose_workers_are_killed_register_one_version_each(shed: House) -> None:
    made = manage(shed.data_dir, "register_examples", within_s=300, **shed.services)
    assert made.returncode == 0, made.stderr
    before = len(shed.call("versions"))
    params = {"model": "iris"}
    ids = shed.call("submit", kind="retrain_model_task", params=params, count=4)["ids"]
    for fewest in (1, 3):
        shed.start_worker()
        until(
            lambda: len(shed.call("versions")) - before >= fewest,  # noqa: B023
            300,
            f"{fewest} versions registered",
        )
        shed.kill("worker")
    shed.start_worker()
    for job_id in ids:
        shed.wait_for(job_id, "succeeded", within_s=200)
    versions = shed.call("versions")
    assert len(versions) - before == len(ids)
    assert {v["job_id"] for v in versions if v["job_id"]} == set(ids)
    assert {v["state"] for v in versions} == {"ready"}
    shed.kill("worker")
