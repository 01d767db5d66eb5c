"""Requests that are no one's fault but the sender's, outside the prediction routes."""

from collections.abc import Iterator

import httpx
import pytest

from tests.running import Stack, manage, until

pytestmark = pytest.mark.stack
ROW = {"features": [5.1, 3.5, 1.4, 0.2]}
DEFAULT_MODEL_ROUTES = {
    "/predict-sync": ROW,
    "/predict-async": ROW,
    "/predict-batched": ROW,
    "/predict-onnx": {"features": [ROW["features"]]},
    "/predict-sklearn": {"features": [ROW["features"]]},
    "/batch-predict": {"requests": [ROW]},
    "/predict/async": ROW,
    "/batch/async": {"batch_features": [ROW["features"]]},
    "/api/v1/models/iris/predict": {"rows": [ROW["features"]]},
}


def shell(stack: Stack, script: str) -> str:
    done = manage(stack.data_dir, "shell", "-v0", "-c", script)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def set_visibility(stack: Stack, visibility: str) -> None:
    shell(
        stack,
        "from modelregistry.models import *; m = RegisteredModel.objects.get(name='iris');"
        f"m.visibility = '{visibility}'; m.save(); Revision.objects.bump()",
    )


def statuses(stack: Stack, **headers: str) -> set[int]:
    return {
        httpx.post(stack.base_url + path, json=body, headers=headers, timeout=60).status_code
        for path, body in DEFAULT_MODEL_ROUTES.items()
    }


@pytest.fixture
def private_default(stack: Stack) -> Iterator[None]:
    set_visibility(stack, "signed-in")
    yield
    set_visibility(stack, "public")
    until(lambda: statuses(stack) == {200}, 30, "the default model is public again")


def test_a_default_model_that_is_not_public_answers_keys_only_on_every_route(
    stack: Stack, private_default: None
) -> None:
    until(lambda: statuses(stack) == {404}, 30, "nobody without a key is answered")
    key = manage(stack.data_dir, "create_api_key", "admin").stdout.strip()
    assert statuses(stack, Authorization=f"Bearer {key}") == {200}


@pytest.mark.parametrize("cursor", ["cD1hYmM=", "cD0xZTQwMA==", "cD0lMDA=", "x"])
def test_a_cursor_that_is_not_ours_is_not_found(stack: Stack, cursor: str) -> None:
    key = manage(stack.data_dir, "create_api_key", "admin").stdout.strip()
    answer = httpx.get(
        f"{stack.base_url}/api/v1/models/iris/versions/?cursor={cursor}",
        headers={"Authorization": f"Bearer {key}"},
    )
    assert answer.status_code == 404


@pytest.mark.parametrize("query", ["version=%00", "version=a%0d%0ab", "lang=%00"])
def test_the_schema_takes_no_text_of_the_clients(stack: Stack, query: str) -> None:
    answer = httpx.get(f"{stack.base_url}/api/v1/schema/?{query}", timeout=60)
    assert answer.status_code == 200


def test_a_broken_form_is_malformed(stack: Stack) -> None:
    headers = {"Content-Type": "multipart/form-data", "Cookie": f"csrftoken={'a' * 32}"}
    answer = httpx.post(f"{stack.base_url}/admin/login/", content=b"zz", headers=headers)
    assert answer.status_code == 400


@pytest.mark.parametrize("header", ["X-Forwarded-For", "X-Forwarded-Proto", "Via", "Forwarded"])
def test_metrics_are_closed_to_who_comes_through_a_proxy(stack: Stack, header: str) -> None:
    url = f"{stack.base_url}/metrics"
    assert httpx.get(url).status_code == 200
    assert httpx.get(url, headers={header: "x"}).status_code == 401


def test_an_unknown_host_is_refused_and_not_logged(stack: Stack) -> None:
    answer = httpx.get(f"{stack.base_url}/livez", headers={"Host": "evil-4711.example"})
    assert (answer.status_code, answer.json()["code"]) == (400, "unknown_host")
    assert "evil-4711" not in stack.log
