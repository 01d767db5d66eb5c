"""A broker that is gone, or answers nothing: submits go on, and all that was accepted runs."""

import time
from collections.abc import Iterator
from itertools import cycle
from pathlib import Path
from threading import Event

import httpx
import pytest

from tests.conftest import Install
from tests.jobs.house import House, house
from tests.kinds.asking import api, finished
from tests.running import running, until

pytestmark = [pytest.mark.stack, pytest.mark.alone, pytest.mark.timeout(300)]
SUBMIT_WITHIN_S = 2.5
OUTAGE_S = 30.0
FEATURES = [5.1, 3.5, 1.4, 0.2]


@pytest.fixture
def depot(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with house(tmp_path_factory.mktemp("depot")) as made:
        made.start_worker()
        made.wait_for(made.submit("add_task", numbers=[1]), "succeeded")
        yield made


def test_submits_are_accepted_in_time_and_run_when_it_is_back(depot: House) -> None:
    depot.kill("valkey")
    answer = depot.call("submit", kind="add_task", params={"numbers": [1]}, count=40)
    assert answer["slowest_s"] < SUBMIT_WITHIN_S
    assert depot.call("states") == {"queued": 40, "succeeded": 1}
    depot.start_valkey()
    until(lambda: depot.call("states") == {"succeeded": 41}, 90, "all to run")
    assert depot.call("terminal_events") == 41
    assert depot.processes["worker"].poll() is None


def submit_by_turns(client: httpx.Client, until_s: float) -> Iterator[tuple[httpx.Response, float]]:
    """A prediction of the tutorial's, a job of the API's, and so on; with the time each took."""
    job = {"kind": "predict_task", "params": {"features": FEATURES}}
    asked = cycle([("/predict/async", {"features": FEATURES}), ("/api/v1/jobs/", job)])
    pace = Event()
    while time.monotonic() < until_s:
        path, body = next(asked)
        began = time.monotonic()
        answer = client.post(path, json=body)
        yield answer, time.monotonic() - began
        pace.wait(0.1)  # some hundred jobs, not ten thousand


def test_over_http_nothing_is_refused_late_or_lost_in_an_outage(install: Install) -> None:
    with running(install("outage"), MLAPI_WORKERS="2") as up:
        client, broker = api(up.data_dir, up.base_url), up.child("valkey-server")
        with httpx.Client(
            base_url=up.base_url, headers={"Authorization": client.headers["Authorization"]}
        ) as submitter:
            broker.suspend()
            try:
                submitted = list(submit_by_turns(submitter, time.monotonic() + OUTAGE_S))
            finally:
                broker.resume()
            answers, times = zip(*submitted, strict=True)
            print(f"{len(answers)} submits, the slowest took {max(times):.2f} s")
            assert {answer.status_code for answer in answers[::2]} == {200}
            assert {answer.status_code for answer in answers[1::2]} == {202}
            assert max(times) <= SUBMIT_WITHIN_S
            ids = [answer.json().get("task_id") or answer.json()["id"] for answer in answers]
            assert {finished(up, job_id, within_s=120)["state"] for job_id in ids} == {"succeeded"}


def test_a_worker_at_work_outlives_an_outage(depot: House, tmp_path: Path) -> None:
    worker = depot.processes["worker"]
    job_id = depot.submit("step_task", folder=str(tmp_path), seconds=0.02)
    until(lambda: depot.call("job", job_id=job_id)["progress_done"], 30, "progress")
    depot.kill("valkey")
    until(lambda: "Cannot connect" in depot.log("worker"), 20, "the loss")
    depot.start_valkey()
    until(lambda: depot.log("worker").count(" Connected to") == 2, 30, "the worker's return")
    assert depot.call("job", job_id=job_id)["state"] == "running"
    assert depot.wait_for(job_id, "succeeded", within_s=60)["attempt"] == 1
    next_id = depot.submit("add_task", numbers=[1])
    assert depot.wait_for(next_id, "succeeded")["attempt"] == 1
    assert worker.poll() is None
    assert "Unrecoverable" not in depot.log("worker")
