"""Retrain, convert and load test on the running stack: by a real worker, seen through the API."""

import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from sklearn.datasets import load_iris
from sklearn.tree import DecisionTreeClassifier

from modelregistry.formats.skops_format import save_estimator
from modelregistry.retraining import STEPS
from tests.kinds.asking import api, done, finished, job, lines, only_sent, produced, submitted
from tests.running import Stack, manage, until

pytestmark = pytest.mark.stack
ROWS, TARGETS = load_iris(return_X_y=True)
SETOSA = [5.1, 3.5, 1.4, 0.2]


@pytest.fixture
def first_version_again(stack: Stack) -> Iterator[None]:
    """Other tests know the first version's answers."""
    yield
    assert manage(stack.data_dir, "promote_model", "iris:1").returncode == 0
    until(lambda: everywhere(stack) == {0}, 30, "the first version is back")
    until(lambda: at_work(stack) == {0}, 60, "the first version is back at work")


def everywhere(stack: Stack) -> set[object]:
    """What the web processes say of it, each request on a connection of its own."""
    return {answer for _ in range(8) for answer in answered(stack)}


def at_work(stack: Stack) -> set[object]:
    """What the worker's processes say of it."""
    told = produced(stack, *[("predict_task", [SETOSA], {})] * 8)
    return {one["result"]["prediction"] for one in told}


def answered(stack: Stack) -> list[object]:
    """What /predict-onnx says of an Iris setosa."""
    body = {"features": [SETOSA]}
    predictions: list[object] = httpx.post(f"{stack.base_url}/predict-onnx", json=body).json()[
        "predictions"
    ]
    return predictions


def promote_in_admin(stack: Stack, version_id: str) -> None:
    """Sign in, open the version's dialog, and send it."""
    password = re.search(r"Sign in   admin, password (\S+)", stack.log)
    assert password is not None
    with httpx.Client(base_url=stack.base_url, follow_redirects=True, timeout=60) as staff:
        staff.get("/admin/login/")
        secret = {"username": "admin", "password": password[1]}
        send(staff, "/admin/login/", secret)
        page = f"/admin/modelregistry/modelversion/{version_id}/promote"
        said = send(staff, f"{page}/", {"_form_submitted": "on", "reason": "better"})
        assert "serves now." in said


def send(staff: httpx.Client, path: str, form: dict[str, str]) -> str:
    token = {"csrfmiddlewaretoken": staff.cookies["csrftoken"]}
    answer = staff.post(path, data={**form, **token})
    assert answer.status_code == 200, answer.text
    return answer.text


@pytest.fixture
def secretive(stack: Stack, tmp_path: Path) -> Iterator[str]:
    """A model without sample rows that only holders of keys may ask; archived afterwards."""
    file = tmp_path / "tree.skops"
    file.write_bytes(save_estimator(DecisionTreeClassifier(max_depth=2).fit(ROWS, TARGETS)))
    made = manage(stack.data_dir, "register_model", str(file), "--model", "secretive", "--promote")
    assert made.returncode == 0, made.stderr
    yield "secretive"
    archive = (
        "from django.utils import timezone;"
        "from modelregistry.models import RegisteredModel as M;"
        "m = M.objects.get(name='secretive'); m.archived_at = timezone.now(); m.save()"
    )
    assert manage(stack.data_dir, "shell", "-v0", "-c", archive).returncode == 0


@pytest.mark.alone
def test_a_retrained_iris_serves_once_it_is_promoted(
    stack: Stack, first_version_again: None
) -> None:
    lesson = {"rows": ROWS.tolist(), "target": (TARGETS + 7).tolist()}
    result = done(stack, "retrain_model_task", {"model": "iris", **lesson})
    assert 0.8 < result["metrics"]["accuracy"] <= 1
    assert (result["state"], result["runtime"], result["parity"]["status"]) == (
        "ready",
        "onnx",
        "match",
    )
    champion = result["champion"]
    assert (champion["version"], champion["metrics"]) == (1, {"accuracy": 0.0})
    assert champion["note"].startswith("Version 1 may have been fitted on some of the held-out")
    assert answered(stack) == [0]
    promote_in_admin(stack, str(version_id(stack, result["version"])))
    until(lambda: everywhere(stack) == {7}, 1, "the retrained version answers")
    until(lambda: at_work(stack) == {7}, 60, "the retrained version is at work")
    (queued,) = produced(stack, ("predict_task", [SETOSA], {}))
    assert queued["result"] == {"prediction": 7, "status": "completed"}


def version_id(stack: Stack, number: int) -> int:
    code = (
        "from modelregistry.models import ModelVersion as V;"
        f"print(V.objects.get(model__name='iris', number={number}).pk)"
    )
    return int(manage(stack.data_dir, "shell", "-v0", "-c", code).stdout)


def test_a_retraining_tells_its_steps_and_what_came_of_it(stack: Stack) -> None:
    ended = finished(stack, submitted(stack, "retrain_model_task", {"model": "iris"}))
    log = lines(stack, ended["id"])
    told = [line for line in log if line.startswith("Step")]
    assert told == [f"Step {at + 1} of 7: {name}." for at, name in enumerate(STEPS)]
    assert any("held-out rows; version 1: accuracy 1 on the same rows" in line for line in log)
    assert ended["progress"]["done"] == ended["progress"]["total"] == 7
    assert (ended["subject"]["label"], ended["owner"]) == ("iris", "admin")


@pytest.mark.parametrize(
    "params",
    [
        {"model": "nobody"},
        {"model": "iris", "rows": [[1.0] * 4] * 10},
        {"model": "iris", "rows": [[1.0] * 4] * 10, "target": [0] * 9},
        {"model": "iris", "lines": []},
    ],
)
def test_parameters_that_make_no_sense_start_nothing(
    stack: Stack, params: dict[str, object]
) -> None:
    body = {"kind": "retrain_model_task", "params": params}
    answer = api(stack.data_dir, stack.base_url).post("/jobs/", json=body)
    assert (answer.status_code, answer.json()["code"]) == (422, "wrong_input")


def test_a_conversion_delivered_three_times_is_done_once(stack: Stack) -> None:
    about = api(stack.data_dir, stack.base_url)
    before = about.get("/models/iris/versions/1/").json()
    job_id = submitted(stack, "convert_model_task", {"model": "iris", "version": 1})
    again = ("convert_model_task", [job_id], {}, job_id)
    only_sent(stack, again, again)  # while it may be under way: whoever has it answers
    ended = finished(stack, job_id)
    assert produced(stack, again) == [{"id": job_id, "result": None}]  # and the others are through
    assert (ended["state"], ended["attempt"]) == ("succeeded", 1)
    assert ended["result"]["parity"]["status"] == "match"
    assert lines(stack, job_id).count("Succeeded.") == 1
    assert about.get("/models/iris/versions/1/").json() == before


def test_a_load_test_counts_every_request_and_shows_their_latency(stack: Stack) -> None:
    result = done(
        stack,
        "load_test_task",
        {"model": "iris", "requests": 300, "concurrency": 8, "rows": 5},
    )
    assert (result["total"], result["successful"], result["failed"]) == (300, 300, {})
    assert sum(bucket["count"] for bucket in result["histogram"]) == 300
    latency = result["latency_ms"]
    assert 0 < latency["p50"] <= latency["p95"] <= latency["p99"] <= latency["max"]
    assert result["histogram"][-1]["to_ms"] == latency["max"]


def test_a_model_that_asks_for_a_key_is_tested_with_one_that_is_gone_afterwards(
    stack: Stack, secretive: str
) -> None:
    known = api(stack.data_dir, stack.base_url).get(f"/models/{secretive}/").json()
    assert known["visibility"] == "signed-in"
    until(lambda: asked(stack, secretive) == {200}, 30, "it is live in every process")
    result = done(stack, "load_test_task", {"model": secretive, "requests": 50})
    assert result["successful"] == 50, result["failed"]
    left = "from mlapi.models import ApiKey;print(ApiKey.objects.filter(name='load test').count())"
    assert manage(stack.data_dir, "shell", "-v0", "-c", left).stdout.strip() == "0"


def asked(stack: Stack, model: str) -> set[int]:
    """The statuses of some requests with the admin's key, on a connection each."""
    address = f"{stack.base_url}/api/v1/models/{model}/predict"
    headers = {"Authorization": api(stack.data_dir, stack.base_url).headers["Authorization"]}
    body = {"rows": [SETOSA]}
    return {httpx.post(address, json=body, headers=headers).status_code for _ in range(8)}


def test_a_load_test_can_be_cancelled_on_its_way(stack: Stack) -> None:
    job_id = submitted(stack, "load_test_task", {"model": "iris", "requests": 100_000})
    until(lambda: (job(stack, job_id)["progress"] or {}).get("done"), 60, "some were sent")
    api(stack.data_dir, stack.base_url).post(f"/jobs/{job_id}/cancel/")
    ended = finished(stack, job_id, within_s=60)
    assert ended["state"] == "cancelled"
    assert ended["progress"]["done"] < 100_000
