"""GET /api/v1/jobs/{id}/?wait=: answered on the next change, by nobody's thread."""

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import psutil
import pytest

from tests.jobs_surface.conftest import bearer, cancel, submit
from tests.running import Stack, until

pytestmark = pytest.mark.stack
WAITERS = 60


def wait_for(stack: Stack, key: str, job_id: str, seconds: int) -> tuple[dict[str, object], float]:
    began = time.monotonic()
    address = f"{stack.base_url}/api/v1/jobs/{job_id}/?wait={seconds}"
    answer = httpx.get(address, headers=bearer(key), timeout=60)
    assert answer.status_code == 200, answer.text
    return answer.json(), time.monotonic() - began


@pytest.mark.alone
def test_it_answers_as_soon_as_the_job_is_another(stack: Stack, ann: str) -> None:
    job_id = submit(stack, ann)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(wait_for, stack, ann, job_id, 30)
        until(waiting.running, 30, "the request is under way")
        assert wait_for(stack, ann, job_id, 1)[0]["state"] == "queued"  # by then it waits
        cancel(stack, ann, job_id)
        job, took = waiting.result(60)

    assert job["state"] == "cancelled"
    assert took < 15


@pytest.mark.alone
def test_without_a_change_it_answers_when_the_time_is_over(stack: Stack, ann: str) -> None:
    job, took = wait_for(stack, ann, submit(stack, ann), 2)
    assert job["state"] == "queued"
    assert 2 <= took < 10


@pytest.mark.alone
def test_what_has_ended_is_answered_at_once(stack: Stack, ann: str) -> None:
    job_id = submit(stack, ann)
    cancel(stack, ann, job_id)
    _, took = wait_for(stack, ann, job_id, 30)
    assert took < 10


@pytest.mark.alone
def test_strangers_wait_for_nothing(stack: Stack, ann: str, bob: str) -> None:
    address = f"{stack.base_url}/api/v1/jobs/{submit(stack, ann)}/?wait=30"
    began = time.monotonic()
    assert httpx.get(address, timeout=60).status_code == 401
    assert httpx.get(address, headers=bearer(bob), timeout=60).status_code == 404
    assert time.monotonic() - began < 10


def test_those_who_wait_hold_no_thread_and_others_are_answered(stack: Stack, ann: str) -> None:
    job_id = submit(stack, ann)
    before = web_threads(stack)
    with ThreadPoolExecutor(WAITERS) as pool:
        waiting = [pool.submit(wait_for, stack, ann, job_id, 30) for _ in range(WAITERS)]
        until(lambda: web_connections(stack) >= WAITERS, 30, "all have connected")
        assert wait_for(stack, ann, job_id, 1)[0]["state"] == "queued"  # in the middle of them
        during = web_threads(stack)
        cancel(stack, ann, job_id)
        states = {future.result(60)[0]["state"] for future in waiting}

    assert states == {"cancelled"}
    assert during - before < WAITERS / 2


def web(stack: Stack) -> list[psutil.Process]:
    """The serving processes: uvicorn's parent, and its workers where there are several."""
    parent = stack.child("uvicorn")
    return [parent, *parent.children(recursive=True)]


def web_threads(stack: Stack) -> int:
    return sum(process.num_threads() for process in web(stack))


def web_connections(stack: Stack) -> int:
    port = int(stack.base_url.rpartition(":")[2])
    established = [line.split()[1:4] for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    ours = f"{port:04X}"
    return sum(local.endswith(f":{ours}") and state == "01" for local, _, state in established)
