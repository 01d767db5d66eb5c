"""A job from its submission to its end, in a real worker."""

from pathlib import Path

import pytest

from tests.jobs.house import House
from tests.running import until

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


@pytest.mark.alone
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
