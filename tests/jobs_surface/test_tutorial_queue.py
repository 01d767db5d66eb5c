"""The tutorial's queue on a running stack: submit, ask, and look at the workers."""

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest

from tests.jobs_surface.conftest import bearer
from tests.running import BASE_DIR, Stack, manage, until

pytestmark = pytest.mark.stack
ROW = {"features": [6.7, 3.0, 5.2, 2.3]}
ROWS = {"batch_features": [[5.1, 3.5, 1.4, 0.2], [6.7, 3.0, 5.2, 2.3]]}


def submitted(stack: Stack, path: str, body: object, **headers: str) -> dict[str, object]:
    answer = httpx.post(stack.base_url + path, json=body, headers=headers, timeout=30)
    assert answer.status_code == 200, answer.text
    return answer.json()  # type: ignore[no-any-return]


def result_of(stack: Stack, task_id: object) -> object:
    def told() -> dict[str, object]:
        answer = httpx.get(f"{stack.base_url}/task/{task_id}")
        assert answer.status_code == 200, answer.text
        return answer.json()  # type: ignore[no-any-return]

    until(lambda: told()["status"] != "pending", 60, "the task ends")
    return told()["result"]


def test_a_row_is_accepted_at_once_and_answered_by_a_worker(stack: Stack) -> None:
    task = submitted(stack, "/predict/async", ROW)

    assert task.keys() == {"task_id", "status", "message"}
    assert (task["status"], task["message"]) == ("submitted", "Task submitted to queue")
    assert result_of(stack, task["task_id"]) == {"prediction": 2, "status": "completed"}


def test_many_rows_are_one_task(stack: Stack) -> None:
    task = submitted(stack, "/batch/async", ROWS)

    assert (task["status"], task["batch_size"]) == ("submitted", 2)
    expected = {"predictions": [0, 2], "count": 2, "status": "completed"}
    assert result_of(stack, task["task_id"]) == expected


def test_a_task_of_a_key_is_its_owners(stack: Stack, ann: str, bob: str) -> None:
    task = submitted(stack, "/predict/async", ROW, **bearer(ann))
    address = f"{stack.base_url}/task/{task['task_id']}"
    statuses = [
        httpx.get(address, headers=headers).status_code
        for headers in ({}, bearer(bob), bearer(ann))
    ]
    assert statuses == [404, 404, 200]


@pytest.mark.parametrize("path", ["/predict/async", "/batch/async"])
@pytest.mark.parametrize(
    ("body", "status"),
    [
        ('{"features": [1, 2, 3], "batch_features": [[1, 2, 3]]}', 422),
        ('{"features": ["1", 2, 3, 4], "batch_features": [["1", 2, 3, 4]]}', 422),
        ('{"features": [true, 2, 3, 4], "batch_features": [[true, 2, 3, 4]]}', 422),
        ('{"features": [1e39, 2, 3, 4], "batch_features": [[1e39, 2, 3, 4]]}', 422),
        ('{"features": [], "batch_features": []}', 422),
        ("{}", 422),
        ("{", 400),
        ("[" * 9000, 400),
        ('{"features": [1,2,3,4], "features": [1,2,3,4]}', 400),
    ],
)
def test_rows_that_do_not_fit_are_refused_before_they_are_accepted(
    stack: Stack, path: str, body: str, status: int
) -> None:
    if path == "/batch/async":
        body = body.replace('"features": [1,2,3,4]', '"batch_features": [[1,2,3,4]]')
    answer = httpx.post(stack.base_url + path, content=body)
    assert answer.status_code == status, answer.text


def test_a_form_is_415(stack: Stack) -> None:
    assert httpx.post(f"{stack.base_url}/predict/async", data={"a": 1}).status_code == 415


@contextmanager
def another_worker(stack: Stack, name: str) -> Iterator[None]:
    words = ("-A", "mlapi", "--quiet", "worker", "-n", f"{name}@here", "--concurrency=1")
    process = subprocess.Popen(
        [sys.executable, "-m", "celery", *words, "--without-gossip", "--without-mingle"],
        env={**stack.environment, "REMAP_SIGTERM": "SIGQUIT"},
        cwd=BASE_DIR,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield
    finally:
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(10)


def active(stack: Stack, key: str | None = None) -> tuple[dict[str, object], float]:
    """What is answered, and seconds; a round of questions is shared for a second."""
    began = time.monotonic()
    headers = bearer(key) if key else {}
    answer = httpx.get(f"{stack.base_url}/tasks/active", headers=headers)
    assert answer.status_code == 200
    return answer.json(), time.monotonic() - began


@pytest.mark.alone
def test_every_worker_says_what_it_does_within_a_second(stack: Stack) -> None:
    took = []

    def both_answer() -> bool:
        told, seconds = active(stack)
        took.append(seconds)
        assert told.keys() == {"active_tasks", "scheduled_tasks"}
        return len(told["active_tasks"]) == 2  # type: ignore[arg-type]

    with another_worker(stack, "second"):
        until(both_answer, 120, "both workers answer")
    until(lambda: len(active(stack)[0]["active_tasks"]) == 1, 60, "one is left")  # type: ignore[arg-type]

    assert max(took) <= 5.0  # a busy machine's; test_no_workers holds the wait itself to its bound


def running_load_tests(stack: Stack, key: str) -> list[dict[str, Any]]:
    """As /tasks/active tells it to this caller, once a worker says that there are any."""
    seen: list[dict[str, Any]] = []

    def said() -> bool:
        told, _ = active(stack, key)
        held = told["active_tasks"].values()  # type: ignore[attr-defined]
        seen[:] = [task for tasks in held for task in tasks if task["name"] == "load_test_task"]
        return bool(seen)

    until(said, 60, "a worker says that it runs")
    return seen


def test_of_running_tasks_others_than_staff_read_little(stack: Stack, ann: str) -> None:
    staff = manage(stack.data_dir, "create_api_key", "admin").stdout.strip()
    body = {"kind": "load_test_task", "params": {"model": "iris", "requests": 100_000}}
    headers = bearer(staff)
    job = httpx.post(f"{stack.base_url}/api/v1/jobs/", json=body, headers=headers).json()["id"]

    for_staff, for_others = (running_load_tests(stack, key) for key in (staff, ann))
    cancel = f"{stack.base_url}/api/v1/jobs/{job}/cancel/"
    assert httpx.post(cancel, headers=headers).status_code == 202

    assert [job] in [task["args"] for task in for_staff]
    for task in for_others:
        assert {"args", "kwargs", "id", "hostname", "worker_pid"} & task.keys() == set()
