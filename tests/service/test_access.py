"""Who may do what: every route, by hand, for those without a key, with one, and with a dead one."""

from collections.abc import Iterator

import httpx
import pytest
from django.urls import URLPattern, URLResolver, get_resolver

from mlapi.observability import template_of
from mlapi.wiring import lane
from tests.running import Stack, manage, until

pytestmark = pytest.mark.stack
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
ROW = '{"features": [5.1, 3.5, 1.4, 0.2]}'
MATRIX = '{"features": [[5.1, 3.5, 1.4, 0.2]]}'

# For each route: a body that fits it, and the statuses of METHODS without a key and with one.
ROUTES: dict[str, tuple[str, tuple[int, ...], tuple[int, ...]]] = {
    "/": ("", (200, 405, 405, 405, 405), (200, 405, 405, 405, 405)),
    "/livez": ("", (200, 405, 405, 405, 405), (200, 405, 405, 405, 405)),
    "/readyz": ("", (200, 405, 405, 405, 405), (200, 405, 405, 405, 405)),
    "/metrics": ("", (200, 405, 405, 405, 405), (200, 405, 405, 405, 405)),
    "/predict-sync": (ROW, (405, 200, 405, 405, 405), (405, 200, 405, 405, 405)),
    "/predict-async": (ROW, (405, 200, 405, 405, 405), (405, 200, 405, 405, 405)),
    "/predict-batched": (ROW, (405, 200, 405, 405, 405), (405, 200, 405, 405, 405)),
    "/predict-onnx": (MATRIX, (405, 200, 405, 405, 405), (405, 200, 405, 405, 405)),
    "/predict-sklearn": (MATRIX, (405, 200, 405, 405, 405), (405, 200, 405, 405, 405)),
    "/batch-predict": (
        f'{{"requests": [{ROW}]}}',
        (405, 200, 405, 405, 405),
        (405, 200, 405, 405, 405),
    ),
    "/api/v1/models/{name}/predict": (
        '{"rows": [[5.1, 3.5, 1.4, 0.2]]}',
        (405, 200, 405, 405, 405),
        (405, 200, 405, 405, 405),
    ),
    "/api/v1/models/{name}/versions/{number}/predict": (
        '{"rows": [[5.1, 3.5, 1.4, 0.2]]}',
        (405, 200, 405, 405, 405),
        (405, 200, 405, 405, 405),
    ),
    "/api/v1/models/{name}@{alias}/predict": (
        '{"rows": [[5.1, 3.5, 1.4, 0.2]]}',
        (405, 200, 405, 405, 405),
        (405, 200, 405, 405, 405),
    ),
    "/api/v1/models/{name}/schema": ("", (200, 405, 405, 405, 405), (200, 405, 405, 405, 405)),
    "/api/v1/models/{name}/versions/{number}/schema": (
        "",
        (200, 405, 405, 405, 405),
        (200, 405, 405, 405, 405),
    ),
    "/api/v1/models": ("{}", (401, 401, 401, 401, 401), (200, 422, 405, 405, 405)),
    "/api/v1/models/{name}": ("{}", (401, 401, 401, 401, 401), (200, 405, 405, 200, 409)),
    "/api/v1/models/{name}/aliases/{alias}": (
        '{"version": 999999999}',
        (401, 401, 401, 401, 401),
        (405, 405, 404, 405, 409),
    ),
    "/api/v1/models/{name}/rollback": (
        '{"reason": 1}',
        (401, 401, 401, 401, 401),
        (405, 422, 405, 405, 405),
    ),
    "/api/v1/models/{name}/history": ("", (401, 401, 401, 401, 401), (200, 405, 405, 405, 405)),
    "/api/v1/models/{name}/versions": ("", (401, 401, 401, 401, 401), (200, 422, 405, 405, 405)),
    "/api/v1/models/{name}/versions/{number}": (
        "",
        (401, 401, 401, 401, 401),
        (200, 405, 405, 405, 405),
    ),
    "/api/v1/models/{name}/versions/{number}/report": (
        "",
        (401, 401, 401, 401, 401),
        (200, 405, 405, 405, 405),
    ),
    "/api/v1/models/{name}/versions/{number}/download": (
        "",
        (401, 401, 401, 401, 401),
        (200, 405, 405, 405, 405),
    ),
    "/api/v1/models/{name}/versions/{number}/convert": (
        '{"options": 1}',
        (401, 401, 401, 401, 401),
        (405, 422, 405, 405, 405),
    ),
    "/api/v1/models/{name}/retrain": (
        '{"promote_if_better_by": -1}',
        (401, 401, 401, 401, 401),
        (405, 422, 405, 405, 405),
    ),
    "/predict/async": (ROW, (405, 200, 405, 405, 405), (405, 200, 405, 405, 405)),
    "/batch/async": (
        '{"batch_features": [[5.1, 3.5, 1.4, 0.2]]}',
        (405, 200, 405, 405, 405),
        (405, 200, 405, 405, 405),
    ),
    "/task/{task_id}": ("", (404, 405, 405, 405, 405), (404, 405, 405, 405, 405)),
    "/tasks/active": ("", (200, 405, 405, 405, 405), (200, 405, 405, 405, 405)),
    "/api/v1/jobs": (
        f'{{"kind": "predict_task", "params": {ROW}}}',
        (401, 401, 401, 401, 401),
        (200, 202, 405, 405, 405),
    ),
    "/api/v1/jobs/{job_id}": ("", (401, 401, 401, 401, 401), (404, 405, 405, 405, 405)),
    "/api/v1/jobs/{job_id}/events": ("", (401, 401, 401, 401, 401), (404, 405, 405, 405, 405)),
    "/api/v1/jobs/{job_id}/result": ("", (401, 401, 401, 401, 401), (404, 405, 405, 405, 405)),
    "/api/v1/jobs/{job_id}/cancel": ("", (401, 401, 401, 401, 401), (405, 404, 405, 405, 405)),
    "/api/v1/jobs/{job_id}/retry": ("", (401, 401, 401, 401, 401), (405, 404, 405, 405, 405)),
    "/api/v1/job-kinds": ("", (401, 401, 401, 401, 401), (200, 405, 405, 405, 405)),
    "/api/v1/keys": ('{"name": 1}', (401, 401, 401, 401, 401), (200, 422, 405, 405, 405)),
    "/api/v1/keys/{key_id}": ("", (401, 401, 401, 401, 401), (405, 405, 405, 405, 404)),
    "/api/v1/schema/": ("", (200, 405, 405, 405, 405), (200, 405, 405, 405, 405)),
    "/api/v1/docs/": ("", (200, 405, 405, 405, 405), (200, 405, 405, 405, 405)),
}
OPEN_IN_ADMIN = {"/admin/login/": 200, "/admin/jsi18n/": 302}
NO_JOB = "00000000-0000-4000-8000-000000000000"
PRIVATE = "/api/v1/models/secret/predict"


def patterns(resolver: URLResolver, before: str = "") -> Iterator[str]:
    for pattern in resolver.url_patterns:
        whole = before + str(pattern.pattern)
        if isinstance(pattern, URLPattern):
            yield template_of(whole)
        else:
            yield from patterns(pattern, whole)


def served_routes() -> set[str]:
    return set(patterns(get_resolver())) | set(lane.paths())


def filled(template: str) -> str:
    known = {
        "name": "iris",
        "number": "1",
        "alias": "champion",
        "job_id": NO_JOB,
        "task_id": NO_JOB,
        "key_id": NO_JOB,
    }
    return template.format(**known)


@pytest.fixture(scope="module")
def key(stack: Stack) -> str:
    made = manage(stack.data_dir, "create_api_key", "admin", "--name", "tests")
    assert made.returncode == 0, made.stderr
    assert made.stdout.count("\n") == 1
    return made.stdout.strip()


def test_every_route_is_in_the_matrix() -> None:
    outside_admin = {route for route in served_routes() if not route.startswith("/admin/")}
    assert outside_admin == ROUTES.keys()


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("who", ["nobody", "a key"])
def test_a_route_answers_those_it_is_for(stack: Stack, key: str, route: str, who: str) -> None:
    body, without_key, with_key = ROUTES[route]
    headers = {"Content-Type": "application/json"}
    if who == "a key":
        headers["Authorization"] = f"Bearer {key}"
    statuses = tuple(
        httpx.request(
            method,
            stack.base_url + filled(route),
            headers=headers,
            content=body,
            timeout=60,  # the first word to scikit-learn loads it
        ).status_code
        for method in METHODS
    )
    assert statuses == (with_key if who == "a key" else without_key)


def test_a_key_without_permissions_gets_no_rows_and_no_source(stack: Stack, key: str) -> None:
    made = "from django.contrib.auth.models import User; User.objects.get_or_create(username='p')"
    assert manage(stack.data_dir, "shell", "-v0", "-c", made).returncode == 0
    plain = manage(stack.data_dir, "create_api_key", "p").stdout.strip()
    version = f"{stack.base_url}/api/v1/models/iris/versions/1"

    def asked(path: str, whose: str) -> httpx.Response:
        return httpx.get(f"{version}/{path}", headers={"Authorization": f"Bearer {whose}"})

    for whose, source, rows in ((key, 200, True), (plain, 403, False)):
        assert asked("download/?format=source", whose).status_code == source
        assert asked("download/?format=onnx", whose).status_code == 200
        sets = asked("report/", whose).json()["sets"]
        assert [("worst" in part) for part in sets] == [rows] * len(sets)


def test_no_admin_page_opens_without_a_session(stack: Stack) -> None:
    admin = sorted(route for route in served_routes() if route.startswith("/admin/"))
    assert len(admin) > 20
    with httpx.Client(base_url=stack.base_url) as client:
        for route in admin:
            path = route.replace("{", "").replace("}", "")
            for method in ("GET", "POST"):
                answer = client.request(method, path)
                refused = answer.status_code in (302, 403, 404, 405)
                assert refused or (path, answer.status_code) in OPEN_IN_ADMIN.items(), path
                if answer.status_code == 302:
                    assert answer.headers["location"].startswith("/admin/"), path


@pytest.fixture
def private_model(stack: Stack, key: str) -> None:
    """A model that is not public, live in every process, whatever an earlier test made of it."""
    script = (
        "from modelregistry.models import *; from modelregistry import services as s;"
        "m, _ = RegisteredModel.objects.get_or_create(name='secret', task='classification');"
        "v = ModelVersion.objects.find('iris', 1); data = s.store().read(v.source_sha256);"
        "n = m.versions.first() or s.register_version(model_name='secret', data=data);"
        "s.promote(version=n)"
    )
    done = manage(stack.data_dir, "shell", "-v0", "-c", script)
    assert done.returncode == 0, done.stderr
    until(
        lambda: {ask_private(stack, key) for _ in range(8)} == {200},
        30,
        "the private model is live",
    )


def ask_private(stack: Stack, key: str | None) -> int:
    headers = {"Content-Type": "application/json"}
    if key is not None:
        headers["Authorization"] = f"Bearer {key}"
    body = '{"rows": [[5.1, 3.5, 1.4, 0.2]]}'
    return httpx.post(stack.base_url + PRIVATE, headers=headers, content=body).status_code


def test_a_model_that_is_not_public_answers_keys_only(
    stack: Stack, key: str, private_model: None
) -> None:
    assert ask_private(stack, key) == 200
    assert ask_private(stack, None) == 404
    assert ask_private(stack, "mlapi_" + "0" * 64) == 401


DEATHS = {
    "revoked": "k.revoked_at = timezone.now(); k.save()",
    "expired": "k.expiry = timezone.now(); k.save()",
    "its owner inactive": "k.user.is_active = False; k.user.save()",
    "deleted": "k.delete()",
}


@pytest.mark.parametrize("death", DEATHS.values(), ids=DEATHS)
def test_a_key_works_from_the_moment_it_is_printed_and_not_after_its_end(
    stack: Stack, private_model: None, death: str
) -> None:
    user = (
        "from django.contrib.auth.models import User; from django.core.management import *;"
        "User.objects.update_or_create(username='passing', defaults={'is_active': True});"
        "call_command('create_api_key', 'passing')"
    )
    key = manage(stack.data_dir, "shell", "-v0", "-c", user).stdout.strip()
    listing = f"{stack.base_url}/api/v1/models/"
    headers = {"Authorization": f"Bearer {key}"}
    assert ask_private(stack, key) == 200
    assert httpx.get(listing, headers=headers).status_code == 200
    script = (
        "from mlapi.models import ApiKey; from django.utils import timezone;"
        f"k = ApiKey.objects.filter(user__username='passing').latest('created'); {death}"
    )
    assert manage(stack.data_dir, "shell", "-v0", "-c", script).returncode == 0
    until(lambda: ask_private(stack, key) == 401, 5, "the lane refuses the dead key")
    until(lambda: httpx.get(listing, headers=headers).status_code == 401, 5, "REST refuses it")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["nobody"], "There is no user 'nobody'"),
        (["admin", "--expires-days", "0"], "expires-days"),
    ],
)
def test_a_key_for_nobody_or_for_no_time_is_refused_in_one_line(
    stack: Stack, words: list[str], said: str
) -> None:
    done = manage(stack.data_dir, "create_api_key", *words)
    assert done.returncode != 0
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
