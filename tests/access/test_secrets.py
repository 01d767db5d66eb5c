"""Planted secrets are found nowhere: not in logs, errors, metrics, pages, messages or documents."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest

from tests.access.planting import (
    BROKER_PASSWORD,
    DATABASE_PASSWORD,
    ENVIRONMENT,
    Browser,
    Heard,
    overheard_broker,
)
from tests.conftest import Install
from tests.running import Stack, free_port, manage, running, until

pytestmark = [pytest.mark.stack, pytest.mark.timeout(600)]
HOSTS = {"DJANGO_ALLOWED_HOSTS": "localhost,127.0.0.1"}
ROW = {"features": [5.1, 3.5, 1.4, 0.2]}
WRONG = {"features": "x", "rows": 1}
ASKED = [
    ("POST", "/predict-async"),
    ("POST", "/predict-sync"),
    ("POST", "/predict/async"),
    ("POST", "/api/v1/models/iris/predict"),
    ("POST", "/api/v1/models/nothing/predict"),
    ("POST", "/api/v1/jobs/"),
    ("POST", "/api/v1/keys/"),
    ("PATCH", "/api/v1/models/iris/"),
    ("GET", "/api/v1/models/"),
    ("GET", "/api/v1/keys/"),
    ("GET", "/api/v1/nothing/"),
    ("DELETE", "/livez"),
    ("GET", "/metrics"),
    ("GET", "/admin/nothing/"),
    ("POST", "/admin/login/"),
]


@dataclass(slots=True)
class House:
    """An installation, what it was told in secret, and all that it said."""

    stack: Stack
    heard: Heard
    secrets: dict[str, str]
    said: list[str] = field(default_factory=list)

    def ask(self, method: str, path: str, body: object, **headers: str) -> httpx.Response:
        given = {"Content-Type": "application/json", **headers}
        answer = httpx.request(
            method, self.stack.base_url + path, json=body, headers=given, timeout=60
        )
        self.said.append(answer.text)
        return answer


@pytest.fixture
def house(install: Install, tmp_path: Path) -> Iterator[House]:
    with overheard_broker(tmp_path) as heard:
        environment = {**ENVIRONMENT, **HOSTS, "REDIS_URL": heard.url}
        data_dir = install("secretive")
        with running(data_dir, MLAPI_WORKERS="1", **environment) as stack:
            keys = [_new_key(data_dir, environment) for _ in range(2)]
            secrets = {**ENVIRONMENT, "broker": BROKER_PASSWORD}
            yield House(stack, heard, {**secrets, "valid key": keys[0], "revoked key": keys[1]})


def _new_key(data_dir: Path, environment: dict[str, str]) -> str:
    made = manage(data_dir, "create_api_key", "admin", **environment)
    assert made.returncode == 0, made.stderr
    return made.stdout.strip()


def revoke(house: House, key: str) -> None:
    bearer = {"Authorization": f"Bearer {key}"}
    listed = house.ask("GET", "/api/v1/keys/", None, **bearer).json()["results"]
    (own,) = (one["id"] for one in listed if key.startswith(one["prefix"]))
    assert house.ask("DELETE", f"/api/v1/keys/{own}/", None, **bearer).status_code == 204


def knock_everywhere(house: House) -> None:
    """All sorts of requests, with every sort of credential."""
    headers = {
        "basic": "Basic cGxhbnRlZDpoZWFkZXI6c2VjcmV0",
        "half": "planted-header-without-scheme-19",
        "cookie": "sessionid=planted-session-of-nobody; other=planted-cookie-value-63",
        "csrf": "planted-csrf-header-of-nobody-0c5e",
    }
    house.secrets |= {
        "basic": "cGxhbnRlZDpoZWFkZXI6c2VjcmV0",
        "half": headers["half"],
        "session": "planted-session-of-nobody",
        "cookie": "planted-cookie-value-63",
        "csrf": headers["csrf"],
    }
    valid, revoked = house.secrets["valid key"], house.secrets["revoked key"]
    others = {"Cookie": headers["cookie"], "X-CSRFToken": headers["csrf"]}
    given = (f"Bearer {valid}", f"Bearer {revoked}", headers["basic"], headers["half"])
    for authorization in given:
        for method, path in ASKED:
            house.ask(method, path, WRONG, Authorization=authorization, **others)
    for method, path in ASKED:
        house.ask(method, path, ROW, Authorization=given[0])


def run_a_job(house: House) -> None:
    bearer = {"Authorization": f"Bearer {house.secrets['valid key']}"}
    task = house.ask("POST", "/predict/async", ROW, **bearer).json()["task_id"]
    until(
        lambda: house.ask("GET", f"/task/{task}", None, **bearer).json()["status"] == "completed",
        60,
        "the job is done",
    )


def look_at_the_admin(house: House) -> None:
    wrong = "planted-wrong-password-8e2d"
    house.secrets["wrong password"] = wrong
    with closing(Browser(house.stack, "admin", wrong)) as stranger:
        house.said += stranger.seen
    right = ENVIRONMENT["DJANGO_SUPERUSER_PASSWORD"]
    with closing(Browser(house.stack, "admin", right)) as admin:
        house.secrets["own session"] = admin.cookies["sessionid"]
        house.secrets["own csrf"] = admin.cookies["csrftoken"]
        pages = admin.walk()
        assert len(pages) > 15
        house.said += [*admin.seen, *pages]


def found(house: House) -> list[tuple[str, str]]:
    """What was found, and where."""
    places = {
        "answers": "\n".join(house.said),
        "log": house.stack.log,
        "broker": house.heard.text,
    }
    return [
        (name, place)
        for name, secret in house.secrets.items()
        for place, text in places.items()
        if secret in text
    ]


def test_planted_secrets_are_found_nowhere(house: House) -> None:
    revoke(house, house.secrets["revoked key"])
    knock_everywhere(house)
    run_a_job(house)
    look_at_the_admin(house)
    for path in ("/", "/metrics", "/api/v1/schema/", "/api/v1/docs/", "/readyz"):
        house.ask("GET", path, None)

    assert len(house.secrets) >= 12
    assert "predict_task" in house.heard.text
    assert found(house) == []


def test_services_that_do_not_answer_are_named_without_their_passwords(tmp_path: Path) -> None:
    nowhere = free_port()
    urls = {
        "DATABASE_URL": f"postgresql://mlapi:{DATABASE_PASSWORD}@127.0.0.1:{nowhere}/mlapi",
        "REDIS_URL": f"redis://:{BROKER_PASSWORD}@127.0.0.1:{nowhere}/0",
    }
    for words in (["up"], ["migrate"], ["create_api_key", "admin"], ["dispatch"]):
        ended = manage(tmp_path / "var", *words, within_s=120, **ENVIRONMENT, **HOSTS, **urls)
        said = ended.stdout + ended.stderr
        assert ended.returncode != 0, words
        for secret in (DATABASE_PASSWORD, BROKER_PASSWORD, *ENVIRONMENT.values()):
            assert secret not in said, words
