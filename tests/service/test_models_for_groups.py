"""A public model, one for keys and one for a group (the default model), asked by everybody in every
way; two web processes. Whoever leaves the group is answered by none of them five seconds later.
"""

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from tests.running import Stack, manage, running, until

pytestmark = [pytest.mark.stack, pytest.mark.timeout(400)]
SETUP = """
import json
from django.contrib.auth.models import Group, User
from mlapi.models import ApiKey
from modelregistry.services import change_model
Group.objects.create(name="botany")
change_model(name="diabetes", changes={"visibility": "signed-in"})
change_model(name="iris", changes={"visibility": "groups"}, groups=["botany"])
people = {name: User.objects.create_user(name) for name in ("outsider", "member", "maintainer")}
people["member"].groups.add(Group.objects.get(name="botany"))
people["maintainer"].groups.add(Group.objects.get(name="Maintainer"))
people["chief"] = User.objects.get(username="admin")
print(json.dumps({name: ApiKey.objects.create(user=user)[1] for name, user in people.items()}))
"""
LEAVE = """
from django.contrib.auth.models import User
User.objects.get(username="member").groups.clear()
"""
ROW = {"features": [5.1, 3.5, 1.4, 0.2]}
MATRIX = {"features": [[5.1, 3.5, 1.4, 0.2]]}
TUTORIAL = {
    "/predict-sync": ROW,
    "/predict-async": ROW,
    "/predict-batched": ROW,
    "/predict-onnx": MATRIX,
    "/predict-sklearn": MATRIX,
    "/batch-predict": {"requests": [ROW]},
    "/predict/async": ROW,
    "/batch/async": {"batch_features": MATRIX["features"]},
}
EXAMPLES = {
    "churn": {"rows": [{"age": 1}]},  # which is no row of it: 422 says that it was asked
    "diabetes": {"rows": [[0.1] * 10]},
    "iris": {"rows": MATRIX["features"]},
}
# Who sees what: churn is public, diabetes for keys, iris for the group botany.
SEES = {
    "nobody": {"churn"},
    "outsider": {"churn", "diabetes"},
    "member": {"churn", "diabetes", "iris"},
    "maintainer": {"churn", "diabetes", "iris"},
    "chief": {"churn", "diabetes", "iris"},
}
Ask = Callable[..., httpx.Response]


@pytest.fixture(scope="module")
def house(install: Callable[[str], Path]) -> Iterator[tuple[Stack, dict[str, str]]]:
    with running(install("groups"), MLAPI_WORKERS="2") as stack:
        made = manage(stack.data_dir, "shell", "-v0", "-c", SETUP)
        assert made.returncode == 0, made.stderr
        keys = json.loads(made.stdout)

        def is_closed() -> bool:
            statuses = {ask_as(stack, keys, "nobody")("/predict-async", ROW).status_code}
            return statuses == {404}

        for _ in range(8):  # whichever process answers
            until(is_closed, 30, "the processes follow")
        yield stack, keys


def ask_as(stack: Stack, keys: dict[str, str], who: str) -> Ask:
    headers = {"Authorization": f"Bearer {keys[who]}"} if who in keys else {}

    def ask(path: str, body: object = None, method: str = "POST") -> httpx.Response:
        return httpx.request(method, stack.base_url + path, json=body, headers=headers)

    return ask


@pytest.mark.parametrize("who", SEES)
def test_the_lane_answers_those_who_see_a_model(
    house: tuple[Stack, dict[str, str]], who: str
) -> None:
    ask = ask_as(*house, who)
    unknown = told(ask("/api/v1/models/nothing/predict", {"rows": []}))
    assert unknown[0] == 404
    for model, body in EXAMPLES.items():
        for address in (model, f"{model}/versions/1", f"{model}@champion"):
            answer = ask(f"/api/v1/models/{address}/predict", body)
            if model in SEES[who]:
                assert answer.status_code == (422 if model == "churn" else 200), address
            else:
                assert told(answer) == unknown, address


def told(answer: httpx.Response) -> tuple[int, dict[str, object]]:
    problem = answer.json()
    problem.pop("request_id")
    return answer.status_code, problem


@pytest.mark.parametrize("who", SEES)
def test_the_default_models_routes_answer_those_who_see_it(
    house: tuple[Stack, dict[str, str]], who: str
) -> None:
    ask = ask_as(*house, who)
    unknown = told(ask("/api/v1/models/nothing/predict", {"rows": []}))
    for path, body in TUTORIAL.items():
        answer = ask(path, body)
        if "iris" in SEES[who]:
            assert answer.status_code == 200, path
        else:
            assert told(answer) == unknown, path


@pytest.mark.parametrize("who", sorted(SEES.keys() - {"nobody"}))
def test_rest_shows_those_that_one_sees(house: tuple[Stack, dict[str, str]], who: str) -> None:
    ask = ask_as(*house, who)
    listed = ask("/api/v1/models/", method="GET").json()["results"]
    assert {model["name"] for model in listed} == SEES[who]
    for model in EXAMPLES:
        status = ask(f"/api/v1/models/{model}/", method="GET").status_code
        assert status == (200 if model in SEES[who] else 404)


def test_whoever_leaves_a_group_is_answered_by_nobody_five_seconds_later(
    house: tuple[Stack, dict[str, str]],
) -> None:
    stack, keys = house
    ask = ask_as(stack, keys, "member")
    params = {"kind": "load_test_task", "params": {"model": "iris"}}
    assert ask("/api/v1/jobs/", params).status_code == 403  # seeing is not everything
    job = ask("/predict/async", ROW).json()["task_id"]
    own = f"/api/v1/jobs/{job}/"
    assert ask(own, method="GET").status_code == 200
    with dialled(stack, f"/ws/jobs/{job}/", keys["member"]) as socket:
        assert json.loads(socket.recv(timeout=30))["type"] == "snapshot"
        assert ask("/predict-async", ROW).status_code == 200
        assert manage(stack.data_dir, "shell", "-v0", "-c", LEAVE).returncode == 0
        left = time.monotonic()
        until(lambda: ask("/predict-async", ROW).status_code == 404, 5, "one process follows")
        until(lambda: time.monotonic() > left + 5, 10, "five seconds")
        paths = [*TUTORIAL.items(), ("/api/v1/models/iris@champion/predict", EXAMPLES["iris"])]
        answers = [ask(path, body).status_code for path, body in paths for _ in range(5)]
        assert set(answers) == {404}
        for path in (own, f"{own}events/", "/api/v1/models/iris/"):
            assert ask(path, method="GET").status_code == 404
        assert closed_with(socket) == 4404
    with dialled(stack, f"/ws/jobs/{job}/", keys["member"]) as again:
        assert closed_with(again) == 4404
    with dialled(stack, f"/ws/jobs/{job}/", keys["chief"]) as seen:
        assert json.loads(seen.recv(timeout=30))["type"] == "snapshot"


def dialled(stack: Stack, path: str, key: str) -> ClientConnection:
    address = stack.base_url.replace("http", "ws", 1) + path
    headers = {"Authorization": f"Bearer {key}"}
    return connect(
        address, additional_headers=headers, open_timeout=30, close_timeout=30, proxy=None
    )


def closed_with(socket: ClientConnection) -> int | None:
    """The code, after whatever is still told."""
    with pytest.raises(ConnectionClosed) as closed:
        read_on(socket)
    return closed.value.rcvd.code if closed.value.rcvd else None


def read_on(socket: ClientConnection) -> None:
    while True:
        socket.recv(timeout=60)
