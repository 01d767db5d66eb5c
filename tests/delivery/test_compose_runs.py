"""The services that docker-compose.yml names, running: work is done, and Prometheus counts it.

The test counts too, and both must come to the same figures.
"""

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
import yaml

from tests.delivery.compose import OURS
from tests.delivery.parts import TLS, Parts, composed
from tests.running import BASE_DIR, free_port, until
from tests.services import own_services

pytestmark = [pytest.mark.stack, pytest.mark.timeout(400)]
ROW = {"features": [5.1, 3.5, 1.4, 0.2]}
CONFIG = BASE_DIR / "deploy" / "prometheus.yml"


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Parts]:
    with own_services(11) as urls, composed(tmp_path_factory.mktemp("compose"), urls) as started:
        yield started


@pytest.fixture(scope="module")
def client(parts: Parts) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=parts.url("web"), headers=TLS, timeout=30) as opened:
        yield opened


def local_config(parts: Parts) -> dict[str, object]:
    """deploy/prometheus.yml with this machine's addresses, and no patience."""
    secret = parts.folder / "metrics_token"
    secret.write_text(parts.token)
    config = yaml.safe_load(CONFIG.read_text())
    config["global"]["scrape_interval"] = "1s"
    for job in config["scrape_configs"]:
        name = job["job_name"]
        port = parts.port("web" if name == "web" else f"{name} metrics")
        job["authorization"] = {"credentials_file": str(secret)}
        job.pop("dns_sd_configs", None)
        job["static_configs"] = [{"targets": [f"127.0.0.1:{port}"]}]
    return dict(config)


@contextmanager
def prometheus(config: dict[str, object], folder: Path) -> Iterator[httpx.Client]:
    """A client of a real Prometheus that answers queries."""
    program = shutil.which("prometheus")
    if program is None:
        reason = "Prometheus is not installed: apt-get install prometheus"
        pytest.fail(reason) if os.environ.get("CI") == "true" else pytest.skip(reason)
    path, port = folder / "prometheus.yml", free_port()
    path.write_text(yaml.safe_dump(config))
    words = [
        f"--config.file={path}",
        f"--storage.tsdb.path={folder / 'tsdb'}",
        f"--web.listen-address=127.0.0.1:{port}",
    ]
    with (
        (folder / "prometheus.log").open("wb") as log,
        subprocess.Popen([program, *words], stdout=log, stderr=log) as process,
        httpx.Client(base_url=f"http://127.0.0.1:{port}") as client,
    ):
        try:
            until(lambda: is_ready(client), 90, "Prometheus is ready")
            yield client
        finally:
            process.terminate()
            process.wait(30)


def is_ready(client: httpx.Client) -> bool:
    try:
        return client.get("/-/ready").status_code == 200
    except httpx.HTTPError:
        return False


def value(client: httpx.Client, query: str) -> float | None:
    """The one value of an instant query; None where there is none."""
    found = client.get("/api/v1/query", params={"query": query}).json()["data"]["result"]
    return float(found[0]["value"][1]) if found else None


def finished(client: httpx.Client, task_id: str) -> bool:
    answer = client.get(f"/task/{task_id}").json()
    assert answer["status"] in {"pending", "completed"}, answer
    return bool(answer["status"] == "completed")


def test_prometheus_counts_what_was_done_in_web_and_worker(
    parts: Parts, client: httpx.Client, tmp_path: Path
) -> None:
    with prometheus(local_config(parts), tmp_path) as scraper:
        for _ in range(40):
            assert client.post("/predict-async", json=ROW).status_code == 200
        for _ in range(7):
            assert client.post("/predict-async", json={}).status_code == 422
        submitted = [client.post("/predict/async", json=ROW).json() for _ in range(15)]
        batch = {"batch_features": [ROW["features"]] * 3}
        batched = [client.post("/batch/async", json=batch).json() for _ in range(4)]
        for task in submitted + batched:
            until(lambda: finished(client, task["task_id"]), 60, "the task ends")  # noqa: B023

        wanted = {
            'min(up{job="web"})': 1,
            'min(up{job="worker"})': 1,
            'min(up{job="dispatch"})': 1,
            'sum(requests_total{job="web",endpoint="/predict-async",status="success"})': 40,
            'sum(requests_total{job="web",endpoint="/predict-async",status="error"})': 7,
            'sum(request_duration_seconds_count{job="web",endpoint="/predict-async"})': 47,
            'sum(jobs_finished_total{job="worker",kind="predict_task",state="succeeded"})': 15,
            'sum(jobs_finished_total{job="worker",kind="batch_predict_task"})': 4,
            "sum(jobs_finished_total)": 19,
            'sum(jobs_run_seconds_count{job="worker",kind="predict_task"})': 15,
            'sum(jobs_wait_seconds_count{job="worker",kind="predict_task"})': 15,
            'max(jobs_queued{job="dispatch",kind="predict_task"})': 0,
        }

        def counted() -> dict[str, float | None]:
            return {query: value(scraper, query) for query in wanted}

        try:
            until(lambda: counted() == wanted, 60, "Prometheus has all of it")
        except AssertionError:
            assert counted() == wanted


def test_the_configuration_is_one_that_prometheus_takes(tmp_path: Path) -> None:
    tool = shutil.which("promtool")
    if tool is None:
        pytest.skip("promtool comes with Prometheus")
    secret = tmp_path / "metrics_token"
    secret.write_text("sesame")
    here = tmp_path / "prometheus.yml"
    here.write_text(CONFIG.read_text().replace("/run/secrets/metrics_token", str(secret)))
    checked = subprocess.run([tool, "check", "config", here], capture_output=True, check=False)
    assert checked.returncode == 0, checked


@pytest.mark.parametrize("name", ["worker", "dispatch"])
def test_a_second_one_whose_metrics_port_is_taken_says_so_and_ends(parts: Parts, name: str) -> None:
    ended = subprocess.run(
        parts.words(name),
        env=parts.environment(name),
        cwd=BASE_DIR,
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )
    said = f"MLAPI_METRICS_ADDRESS 127.0.0.1:{parts.port(f'{name} metrics')} cannot be listened on"
    assert ended.returncode == 2, ended
    assert said in ended.stderr
    assert "Traceback" not in ended.stderr


def test_the_workers_health_check_says_yes(parts: Parts) -> None:
    kind, command = OURS["worker"]["healthcheck"]["test"]
    assert kind == "CMD-SHELL"
    environment = parts.environment("worker")
    path = f"{Path(sys.executable).parent}:{environment['PATH']}"
    shell = subprocess.run(
        ["sh", "-c", command.replace("$$", "$")],
        env={**environment, "PATH": path, "HOSTNAME": socket.gethostname()},
        cwd=BASE_DIR,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (shell.returncode, "pong" in shell.stdout) == (0, True), shell


def test_flower_shows_the_worker_to_who_has_the_password(parts: Parts) -> None:
    until(lambda: parts.answers("flower", "/healthcheck"), 60, "Flower answers")
    url = f"{parts.url('flower')}/api/workers"
    assert httpx.get(url).status_code == 401
    with httpx.Client(auth=("mlapi", parts.flower_password)) as client:

        def workers() -> list[str]:
            answer = client.get(url, params={"refresh": True})
            return list(answer.json()) if answer.status_code == 200 else []

        until(lambda: len(workers()) == 1, 60, "the worker is listed")
    assert parts.flower_password not in parts.log("flower")


def test_web_wants_tls_of_people_and_none_of_probes(parts: Parts) -> None:
    plain = httpx.get(f"{parts.url('web')}/", follow_redirects=False)
    assert (plain.status_code, plain.headers["Location"][:8]) == (301, "https://")
    for path in ("/livez", "/readyz", "/metrics"):
        assert httpx.get(parts.url("web") + path).status_code == 200


def test_no_part_complains(parts: Parts) -> None:
    for name in OURS:
        log = parts.log(name)
        assert "Traceback" not in log, f"{name}\n{log}"
        assert parts.token not in log
