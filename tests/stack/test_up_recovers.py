"""What is killed comes back soon, and predictions never stop."""

from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from celery import Celery

from mlapi.env import read_environment
from mlapi.stack import answers_ping
from tests.conftest import Install
from tests.running import Stack, alive, end, processes_of, running, start, until
from tests.stack.asking import asking, kill, serves, web_workers

pytestmark = [pytest.mark.stack, pytest.mark.alone, pytest.mark.timeout(240)]
BACK_WITHIN_S = 5
LATEST_S = 25  # each time, whatever else the machine does
TRIES = 3  # of those that compute for a second until they are back: others may have that second


@pytest.fixture(scope="module")
def up(install: Install) -> Iterator[Stack]:
    """A stack as delivered that these tests may hurt, whole: its worker is up, too."""
    with running(install("hurt"), MLAPI_WORKERS="2", MLAPI_BACKGROUND_NICE="10") as started:
        until(lambda: "ready." in started.log, 60, "the worker")  # Celery's last word
        yield started


def assert_soon_back(hurt: Callable[[], float]) -> None:
    """`hurt` gives the seconds until all was well again: one of a few times they are few."""
    took: list[float] = []
    while not took or (took[-1] > BACK_WITHIN_S and len(took) < TRIES):
        took.append(hurt())
    assert min(took) <= BACK_WITHIN_S, took


def part(up: Stack, *words: str) -> psutil.Process | None:
    try:
        return up.child(*words)
    except (AssertionError, psutil.Error):
        return None


def test_a_killed_web_worker_is_replaced_and_only_its_own_connections_break(up: Stack) -> None:
    web = up.child("uvicorn")

    def killed() -> float:
        victim, other = web_workers(web)
        with asking(up.base_url) as asked:
            until(lambda: asked.answered > 100, 60, "predictions")
            broken = kill(victim)

            def replaced() -> bool:
                new = [worker for worker in web_workers(web) if worker not in (victim, other)]
                return any(serves(worker, up.base_url) for worker in new)

            took = until(replaced, LATEST_S, "a new web worker that answers")
        assert other.is_running()
        assert set(asked.failed) <= broken, asked.failed
        return took

    assert_soon_back(killed)


def test_a_killed_web_server_comes_back_and_new_connections_wait_for_it(up: Stack) -> None:
    def killed() -> float:
        web = up.child("uvicorn")
        family = [web, *web_workers(web)]
        with asking(up.base_url) as asked:
            until(lambda: asked.answered > 100, 60, "predictions")
            broken = set().union(*(kill(process) for process in reversed(family)))
            at_the_kill = asked.answered
            took = until(lambda: asked.answered > at_the_kill + 100, LATEST_S, "predictions again")
        assert alive(family) == []
        assert set(asked.failed) <= broken, asked.failed
        return took

    assert_soon_back(killed)


def test_a_killed_valkey_comes_back_and_no_prediction_fails(up: Stack) -> None:
    environment = read_environment(up.environment)
    victim = up.child("valkey-server")
    with asking(up.base_url) as asked:
        until(lambda: asked.answered > 100, 60, "predictions")
        victim.kill()
        until(lambda: not victim.is_running(), 30, "its end")
        until(lambda: answers_ping(environment.valkey_socket), BACK_WITHIN_S, "a new Valkey")
        at_that_time = asked.answered
        until(lambda: asked.answered > at_that_time + 100, 60, "predictions")
    assert asked.failed == {}


def test_a_killed_celery_worker_takes_its_pool_along_and_comes_back(up: Stack) -> None:
    broker = Celery(broker=read_environment(up.environment).broker_url, set_as_current=False)
    victim = up.child("worker")
    pool = victim.children(recursive=True)
    assert pool
    with asking(up.base_url) as asked:
        until(lambda: asked.answered > 100, 60, "predictions")
        victim.kill()
        until(lambda: not alive(pool), BACK_WITHIN_S, "its pool's end")
        until(lambda: part(up, "worker") not in (None, victim), BACK_WITHIN_S, "a new worker")
        until(lambda: broker.control.ping(timeout=0.5, limit=1), 60, "its answer")
    assert asked.failed == {}


def test_a_killed_child_of_the_pool_is_replaced(up: Stack) -> None:
    worker = up.child("worker")
    until(worker.children, 30, "a pool")
    victim = worker.children()[0]
    victim.kill()

    def replaced() -> bool:
        return victim not in worker.children() and len(worker.children()) > 0

    until(replaced, BACK_WITHIN_S, "a new child")
    assert worker.is_running()


def test_a_broker_that_cannot_start_ends_the_stack_after_five_deaths(tmp_path: Path) -> None:
    data_dir = tmp_path / "var"
    damaged = data_dir / "valkey" / "appendonlydir" / "appendonly.aof.manifest"
    damaged.parent.mkdir(parents=True)
    damaged.parent.parent.chmod(0o700)
    damaged.write_text("no manifest\n")
    stack = start(data_dir)
    try:
        assert stack.process.wait(200) == 1
    finally:
        end(stack)
    last = stack.log.rstrip().splitlines()[-1]
    assert last.startswith("mlapi: valkey ended 5 times before it was ready"), last
    assert "Traceback" not in stack.log
    assert processes_of(data_dir) == []
