"""GET /tasks/active: what staff read of the workers, and what others read."""

from typing import Any

import pytest
from django.test import Client

from jobs.census import Tasks
from jobs.models import Job
from jobs.views import tutorial
from tests.jobs_surface.rows import job_of, person, signed_in

pytestmark = [pytest.mark.django_db, pytest.mark.database]


def running(task_id: object) -> dict[str, Any]:
    """As Celery's inspection tells it."""
    return {
        "id": str(task_id), "name": "predict_task", "args": [str(task_id)], "kwargs": {"a": 1},
        "type": "predict_task", "hostname": "worker@db7.internal", "time_start": 1.5,
        "acknowledged": False, "worker_pid": 4711,
        "delivery_info": {"exchange": "", "routing_key": "celery", "redelivered": False},
    }  # fmt: skip


class Workers:
    """Two that answer."""

    def __init__(self, *tasks: dict[str, Any]) -> None:
        self._tasks = list(tasks)

    def answers(self, question: str) -> Tasks:
        if question == "active":
            return {"worker@db7.internal": self._tasks, "worker@db8.internal": []}
        held = [{"eta": "2026", "priority": 6, "request": task} for task in self._tasks]
        return {"worker@db8.internal": held}


@pytest.fixture
def mine(monkeypatch: pytest.MonkeyPatch) -> Job:
    """A job of ann's, at work beside one of nobody's and one that has no id of ours."""
    mine = job_of(person("ann", staff=False), state="running", attempt=1)
    others = (job_of(None, origin="tutorial", state="running", attempt=1).pk, "not one of ours")
    workers = Workers(running(mine.pk), *map(running, others))
    monkeypatch.setattr(tutorial, "census", lambda: workers)
    return mine


def read(client: Client) -> dict[str, Any]:
    answer = client.get("/tasks/active")
    assert answer.status_code == 200
    told: dict[str, Any] = answer.json()
    assert told.keys() == {"active_tasks", "scheduled_tasks"}
    return told


def test_strangers_read_neither_ids_nor_machines_nor_arguments(mine: Job) -> None:
    told = read(Client())

    bare = {
        "name": "predict_task",
        "type": "predict_task",
        "time_start": 1.5,
        "acknowledged": False,
    }
    held = {"eta": "2026", "priority": 6, "request": bare}
    assert told == {
        "active_tasks": {"worker-1": [bare] * 3, "worker-2": []},
        "scheduled_tasks": {"worker-2": [held] * 3},
    }


def test_whoever_has_a_task_there_reads_its_id_and_no_others(mine: Job) -> None:
    told = read(signed_in(person("bob", staff=False)))
    assert str(mine.pk) not in str(told)
    assert mine.owner is not None
    told = read(signed_in(mine.owner))
    assert [task.get("id") for task in told["active_tasks"]["worker-1"]] == [
        str(mine.pk),
        None,
        None,
    ]
    held = [task["request"].get("id") for task in told["scheduled_tasks"]["worker-2"]]
    assert held == [str(mine.pk), None, None]


def test_staff_read_what_the_workers_say(mine: Job) -> None:
    told = read(signed_in(person("tea")))
    assert told["active_tasks"]["worker@db7.internal"][0] == running(mine.pk)
    assert told["scheduled_tasks"]["worker@db8.internal"][0]["request"] == running(mine.pk)
