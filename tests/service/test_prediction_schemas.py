"""GET .../schema/: what it takes the service takes, what it refuses the service refuses, and
answers fit; for whoever may ask the model.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from jsonschema import Draft202012Validator

from modelregistry.formats.rows import Rows
from modelregistry.formats.skops_format import save_estimator
from tests.conftest import Install
from tests.doors.servers import served
from tests.modelregistry.conversion.pipelines import CASES
from tests.protocols.drawing import bodies, changed, fits
from tests.running import manage

pytestmark = pytest.mark.stack
MODELS = ("iris", "diabetes", "churn", "houses")
BEYOND = 1e30  # numbers of which a model's answer may not be finite


@pytest.fixture(scope="module")
def data_dir(install: Install) -> Path:
    """With a model besides, for holders of keys, that takes texts and lets values be missing."""
    data_dir = install("schemas")
    case = CASES["missing texts"]
    model, samples = data_dir / "houses.skops", data_dir / "houses.jsonl"
    model.write_bytes(save_estimator(case.model.fit(case.rows, case.targets)))
    rows = Rows.of(case.rows, columns=case.columns)
    records = [dict(zip(rows.columns, row, strict=True)) for row in rows.values]
    samples.write_text("\n".join(map(json.dumps, _with_null(records))))
    words = ("register_model", str(model), "--model", "houses", "--samples", str(samples))
    done = manage(data_dir, *words, "--promote")
    assert done.returncode == 0, done.stderr
    return data_dir


def _with_null(records: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [
        {name: None if value != value else value for name, value in record.items()}
        for record in records
    ]


@pytest.fixture(scope="module")
def anonymous(data_dir: Path) -> Iterator[httpx.Client]:
    with served("uvicorn", data_dir) as url, httpx.Client(base_url=url) as client:
        yield client


@pytest.fixture(scope="module")
def client(data_dir: Path, anonymous: httpx.Client) -> Iterator[httpx.Client]:
    """Of somebody with a key."""
    done = manage(
        data_dir, "createsuperuser", "--noinput", "--username", "ada", "--email", "",
        DJANGO_SUPERUSER_PASSWORD="only-for-this-test-run",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    key = manage(data_dir, "create_api_key", "ada").stdout.strip()
    headers = {"Authorization": f"Bearer {key}"}
    with httpx.Client(base_url=anonymous.base_url, headers=headers) as client:
        yield client


@pytest.fixture(params=MODELS)
def model(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def described(client: httpx.Client, model: str) -> dict[str, Any]:
    answer = client.get(f"/api/v1/models/{model}/schema/")
    assert answer.status_code == 200, answer.text
    return answer.json()


def ask(client: httpx.Client, model: str, body: object) -> httpx.Response:
    return client.post(f"/api/v1/models/{model}/predict", content=json.dumps(body))


def accepted(answer: httpx.Response, body: object) -> bool:
    """Or refused for what the model makes of numbers without measure, which fit."""
    assert answer.status_code in (200, 400, 422), answer.text
    if answer.status_code == 422 and answer.json()["code"] == "not_finite":
        assert max(map(abs, _numbers(body))) > BEYOND
        return True
    return answer.status_code == 200


def _numbers(value: object) -> Iterator[float]:
    if isinstance(value, int | float):
        yield value
    elif isinstance(value, dict | list):
        for part in value.values() if isinstance(value, dict) else value:
            yield from _numbers(part)


def test_its_example_is_answered_and_the_answer_fits(
    client: httpx.Client, model: str, described: dict[str, Any]
) -> None:
    answer = ask(client, model, described["example"])

    assert answer.status_code == 200, answer.text
    assert described["request"]["examples"] == [described["example"]]
    Draft202012Validator.check_schema(described["request"])
    Draft202012Validator.check_schema(described["answer"])
    Draft202012Validator(described["answer"]).validate(answer.json())
    assert (described["model"], described["version"]) == (model, answer.json()["version"])


def test_what_it_takes_is_answered(
    client: httpx.Client, model: str, described: dict[str, Any]
) -> None:
    answers = Draft202012Validator(described["answer"])

    @settings(max_examples=60)
    @given(bodies(described["request"]))
    def holds(body: dict[str, Any]) -> None:
        answer = ask(client, model, body)
        assert accepted(answer, body), answer.text
        if answer.status_code == 200:
            answers.validate(answer.json())

    holds()


def test_what_it_refuses_is_refused(
    client: httpx.Client, model: str, described: dict[str, Any]
) -> None:
    @settings(max_examples=100)
    @given(changed(described["request"]))
    def holds(body: Any) -> None:
        answer = ask(client, model, body)
        assert accepted(answer, body) == fits(described["request"], body), answer.text

    holds()


def test_texts_and_gaps_are_said_as_they_are(client: httpx.Client) -> None:
    houses = client.get("/api/v1/models/houses/schema/").json()["request"]["$defs"]["Row"]
    churn = client.get("/api/v1/models/churn/schema/").json()["request"]["$defs"]["Row"]
    takes_null = [name for name, part in houses["properties"].items() if "anyOf" in part]

    assert takes_null == list(CASES["missing texts"].columns)
    assert {"type": "string"} in houses["properties"]["city"]["anyOf"]
    assert churn["properties"]["contract"] == {"type": "string"}
    assert churn["properties"]["support_calls"]["type"] == "number"


def test_a_public_model_is_described_to_anyone_and_others_are_unknown(
    anonymous: httpx.Client, client: httpx.Client
) -> None:
    def status(path: str, who: httpx.Client = anonymous) -> tuple[int, str]:
        answer = who.get(f"/api/v1/models/{path}schema/")
        return answer.status_code, answer.json().get("code", "")

    assert status("iris/") == status("iris/versions/1/") == (200, "")
    assert status("houses/") == status("nobody/") == (404, "unknown_model")
    assert status("houses/versions/1/") == (404, "unknown_model")
    assert status("houses/", client) == status("houses/versions/1/", client) == (200, "")
    assert status("iris/versions/7/", client) == (404, "unknown_model")


def test_a_key_that_is_none_is_refused(anonymous: httpx.Client) -> None:
    answer = anonymous.get("/api/v1/models/iris/schema", headers={"Authorization": "Bearer no"})
    assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated")
