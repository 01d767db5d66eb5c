"""Jobs that a program with Celery alone sends by name, in a real worker."""

import json
import subprocess
import sys
from typing import Any

import pytest

from tests.jobs.house import House
from tests.running import BASE_DIR, until

PRODUCER = str(BASE_DIR / "tests" / "jobs" / "producer.py")
pytestmark = [pytest.mark.stack, pytest.mark.database, pytest.mark.timeout(180)]


def produce(house: House, task: str, *args: object, **options: object) -> dict[str, Any]:
    sent = [task, json.dumps(args), json.dumps(options)]
    words = [sys.executable, PRODUCER, house.environment.broker_url, *sent]
    ended = subprocess.run(words, cwd="/", capture_output=True, text=True, check=True, timeout=180)
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
