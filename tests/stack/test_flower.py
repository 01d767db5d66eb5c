"""A real Flower on the embedded broker: what it shows, to whom, and that it only shows."""

import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from mlapi.env import read_environment
from mlapi.management.commands.flower import password_for, watch
from mlapi.variables import EnvironmentFault
from tests.running import MANAGE, Stack, free_port, manage, until

pytestmark = [pytest.mark.stack, pytest.mark.timeout(240)]
KINDS = {
    "predict_task",
    "batch_predict_task",
    "retrain_model_task",
    "convert_model_task",
    "load_test_task",
}
ROW = {"features": [5.1, 3.5, 1.4, 0.2]}


@dataclass(frozen=True)
class Flower:
    process: psutil.Process
    url: str
    password: str

    def client(self) -> httpx.Client:
        return httpx.Client(base_url=self.url, auth=("mlapi", self.password))


def workers(client: httpx.Client) -> dict[str, dict[str, Any]]:
    """What it says of those that answered it in its time, by their names."""
    answer = client.get("/api/workers", params={"refresh": True})
    return dict(answer.json()) if answer.status_code == 200 else {}


@contextmanager
def flowering(stack: Stack, log_path: Path) -> Iterator[Flower]:
    port = free_port()
    with (
        log_path.open("wb") as log,
        subprocess.Popen(
            [sys.executable, MANAGE, "flower", "--port", str(port)],
            env=stack.environment,
            cwd="/",
            stdout=log,
            stderr=log,
        ) as process,
    ):
        url = f"http://127.0.0.1:{port}"
        try:
            until(lambda: answers(url, process), 60, f"Flower answers\n{log_path.read_text()}")
            said = re.search(r"Sign in  mlapi, password (\S+)", log_path.read_text())
            assert said is not None
            (child,) = psutil.Process(process.pid).children()
            yield Flower(child, url, said[1])
        finally:
            process.terminate()
            process.wait(30)
    assert (process.returncode, "Traceback" in log_path.read_text()) == (0, False)


def answers(url: str, process: "subprocess.Popen[bytes]") -> bool:
    assert process.poll() is None
    try:
        return httpx.get(f"{url}/healthcheck", timeout=10).status_code == 200
    except httpx.HTTPError:
        return False


@pytest.fixture(scope="module")
def flower(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flower]:
    with flowering(stack, tmp_path_factory.mktemp("flower") / "log") as started:
        yield started


def test_it_lists_the_worker_and_the_tasks_of_all_kinds(flower: Flower) -> None:
    with flower.client() as client:

        def registered() -> set[str]:
            found = workers(client).values()
            return {task for worker in found for task in worker.get("registered", [])}

        until(lambda: registered() >= KINDS, 60, "all kinds listed")
        until(lambda: "celery@" in client.get("/workers").text, 60, "the worker's heartbeat shown")


def test_it_knows_how_the_worker_is_doing(flower: Flower) -> None:
    """What the worker tells of itself is JSON through and through, its connection included."""
    with flower.client() as client:

        def told() -> list[object]:
            found = workers(client).values()
            return [worker.get("stats", {}).get("broker") for worker in found]

        until(lambda: any(told()), 60, "the worker's own figures")


def test_a_task_is_seen_under_its_kinds_name_from_start_to_end(
    stack: Stack, flower: Flower
) -> None:
    task_id = httpx.post(f"{stack.base_url}/predict/async", json=ROW).json()["task_id"]
    with flower.client() as client:

        def seen() -> dict[str, object]:
            answer = client.get(f"/api/task/info/{task_id}")
            return dict(answer.json()) if answer.status_code == 200 else {}

        until(lambda: seen().get("state") == "SUCCESS", 60, f"task {task_id} seen to its end")
        assert seen()["name"] == "predict_task"
        assert client.get("/tasks").status_code == 200
    assert "5.1" not in str(seen_args(flower, task_id)), "a message carries the row's id alone"


def seen_args(flower: Flower, task_id: str) -> object:
    with flower.client() as client:
        return client.get(f"/api/task/info/{task_id}").json()["args"]


@pytest.mark.parametrize("path", ["/", "/workers", "/tasks", "/api/workers", "/api/tasks"])
def test_nobody_looks_without_the_password(flower: Flower, path: str) -> None:
    assert httpx.get(flower.url + path).status_code == 401
    assert httpx.get(flower.url + path, auth=("mlapi", "wrong")).status_code == 401


def test_it_only_shows(flower: Flower) -> None:
    with flower.client() as client:
        until(lambda: workers(client), 60, "a worker that could be shut down")
        worker = next(iter(client.get("/api/workers").json()))
        for path in (
            f"/api/worker/shutdown/{worker}",
            f"/api/worker/pool/grow/{worker}?n=1",
            "/api/task/async-apply/predict_task",
            "/api/task/revoke/00000000-0000-0000-0000-000000000000",
        ):
            assert client.post(path, json={"args": []}).status_code == 403, path


def test_it_listens_on_this_machine_alone_and_shows_no_password_in_its_command(
    flower: Flower,
) -> None:
    listening = [c for c in flower.process.net_connections() if c.status == psutil.CONN_LISTEN]
    assert {c.laddr.ip for c in listening} == {"127.0.0.1"}
    assert flower.password not in " ".join(flower.process.cmdline())


def test_its_password_is_kept_and_only_ours_to_read(stack: Stack, flower: Flower) -> None:
    kept = stack.data_dir / "flower_password"
    assert kept.read_text() == flower.password
    assert kept.stat().st_mode & 0o777 == 0o600


def test_it_ends_with_its_command_however_that_ends(stack: Stack, tmp_path: Path) -> None:
    with flowering(stack, tmp_path / "log") as one:
        assert one.process.is_running()
    assert not one.process.is_running()


def test_a_broker_that_stays_away_ends_it_with_one_line(tmp_path: Path) -> None:
    nowhere = f"redis+socket://{tmp_path}/none.sock"
    reader, writer = socket.socketpair()
    with reader, writer, subprocess.Popen(["sleep", "60"]) as child:
        said = watch(child, reader.fileno(), nowhere, gone_for_s=1)
        writer.send(b"x")
        assert watch(child, reader.fileno(), nowhere) == "", "it is to stop"
        child.kill()
    assert said == "the broker has not answered for 1 s; Flower is stopped."


def test_without_a_broker_it_says_what_to_start(tmp_path: Path) -> None:
    ended = manage(tmp_path / "var", "flower")
    assert (ended.returncode, ended.stdout) == (2, "")
    assert "start `manage.py up`, or set REDIS_URL" in ended.stderr
    assert len(ended.stderr.strip().splitlines()) == 1


@pytest.mark.parametrize(("password", "words"), [("", "is not set"), ("a,b", "a comma")])
def test_outside_the_embedded_default_a_password_must_be_given(password: str, words: str) -> None:
    environment = read_environment(
        {
            "REDIS_URL": "redis://127.0.0.1:6379/0",
            "DJANGO_ALLOWED_HOSTS": "localhost",
            "MLAPI_FLOWER_PASSWORD": password,
        }
    )
    with pytest.raises(EnvironmentFault, match=f"MLAPI_FLOWER_PASSWORD .*{words}"):
        password_for(environment)
