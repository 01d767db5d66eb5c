"""A job from its submission to its end, in a real worker."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.jobs.house import House
from tests.running import BASE_DIR, until

PRODUCER = str(BASE_DIR / "tests" / "jobs" / "producer.py")
pytestmark = [pytest.mark.stack, pytest.mark.database, pytest.mark.timeout(180)]


def test_it_succeeds_with_its_result_and_one_line_a_change(workshop: House) -> None:
    job = workshop.wait_for(workshop.submit("add_task", numbers=[1, 2.5]), "succeeded", "failed")
    assert (job["state"], job["result"], job["attempt"]) == (
        "succeeded",
        {"sum": 3.5, "attempt": 1},
        1,
    )
    assert [event["state"] for event in job["events"]] == ["running", "succeeded"]
    assert job["subject_label"] == "2 numbers"
    assert job["error_code"] == job["traceback"] == ""
    assert job["worker"].startswith("worker@here:")
    assert job["created_at"] <= job["started_at"] <= job["finished_at"]


def test_a_refusal_of_the_domain_is_shown_to_everyone(workshop: House) -> None:
    job = workshop.wait_for(workshop.submit("refuse_task", words="Too late."), "failed")
    assert (job["error_code"], job["error_detail"]) == ("refused", "Too late.")
    assert [(event["message"], event["level"]) for event in job["events"][1:]] == [
        ("about to refuse", "warning"),
        ("Too late.", "error"),
    ]


def test_the_cause_of_an_accident_is_in_the_traceback_alone(workshop: House) -> None:
    job = workshop.wait_for(workshop.submit("stumble_task", words="secret"), "failed")
    assert job["error_code"] == "failed"
    assert "KeyError: 'secret'" in job["traceback"]
    assert "secret" not in job["error_detail"] + "".join(e["message"] for e in job["events"])


def test_a_handler_that_takes_too_long_is_stopped(workshop: House) -> None:
    job = workshop.wait_for(workshop.submit("spin_task"), "failed")
    assert (job["error_code"], job["attempt"]) == ("time_limit", 1)


def test_progress_is_seen_while_it_runs_and_cancel_stops_it(
    workshop: House, tmp_path: Path
) -> None:
    job_id = workshop.submit("step_task", folder=str(tmp_path), seconds=0.05)
    until(lambda: (workshop.call("job", job_id=job_id)["progress_done"] or 0) > 5, 30, "progress")
    assert workshop.call("cancel", job_id=job_id) == "running"
    job = workshop.wait_for(job_id, "cancelled", within_s=5)
    assert 5 < job["progress_done"] < 1000
    assert (job["progress_total"], job["progress_stage"]) == (1000, "stepping")
    assert [event["state"] for event in job["events"]] == ["running", "", "cancelled"]


def test_a_retry_is_a_new_job_of_the_same_work(workshop: House) -> None:
    first = workshop.submit("refuse_task", words="No.")
    workshop.wait_for(first, "failed")
    second = workshop.call("retry", job_id=first)
    job = workshop.wait_for(second, "failed")
    assert (job["parent_id"], job["params"]) == (first, {"words": "No."})
    assert workshop.call("job", job_id=first)["attempt"] == 1


def produce(house: House, task: str, *args: object, **options: object) -> dict[str, Any]:
    sent = [task, json.dumps(args), json.dumps(options)]
    words = [sys.executable, PRODUCER, house.environment.broker_url, *sent]
    ended = subprocess.run(words, cwd="/", capture_output=True, text=True, check=True, timeout=120)
    answer: dict[str, Any] = json.loads(ended.stdout)
    return answer


def test_a_direct_producer_gets_its_answer_and_a_row(workshop: House) -> None:
    answer = produce(workshop, "add_task", [1, 2])
    assert answer["result"] == {"sum": 3, "status": "completed"}
    job = workshop.call("job", job_id=answer["id"])
    assert (job["origin"], job["state"]) == ("direct", "succeeded")
    assert job["params"] == {"numbers": [1, 2]}


@pytest.mark.parametrize("args", [[["one"]], [], [[1], [2]]], ids=["words", "none", "two"])
def test_a_direct_producer_hears_of_wrong_arguments(workshop: House, args: list[object]) -> None:
    answer = produce(workshop, "add_task", *args)
    assert "The parameters are not those" in answer["error"] or "other arguments" in answer["error"]


def test_a_traceback_stands_on_the_jobs_page_alone(workshop: House) -> None:
    answer = produce(workshop, "stumble_task", "secret")
    assert "secret" not in answer["error"]
    until(lambda: workshop.call("raw_result", job_id=answer["id"]), 30, "the row for staff")
    assert workshop.call("raw_result", job_id=answer["id"]) == {
        "status": "FAILURE",
        "traceback": None,
    }
    assert "KeyError: 'secret'" in workshop.call("job", job_id=answer["id"])["traceback"]


def test_a_handler_that_ignores_its_limit_is_stopped_and_has_failed(workshop: House) -> None:
    answer = produce(workshop, "stubborn_task", soft_time_limit=1, time_limit=8)
    assert answer["error"] == "The work took longer than 1 s."
    job = workshop.call("job", job_id=answer["id"])
    assert (job["state"], job["error_code"], job["attempt"]) == ("failed", "time_limit", 1)


def test_a_direct_producer_hears_nothing_of_a_lost_child_but_the_end(workshop: House) -> None:
    answer = produce(workshop, "lost_task")
    assert answer.get("result") == {"attempt": 2}, answer
