"""The prediction routes answer alike under every server, and under Django's test client."""

import json

import httpx
import pytest

from tests.doors.cases import BAD, GOOD, JSON, NATIVE, Case
from tests.doors.servers import DOORS, Ask, Reply, opened, served

pytestmark = pytest.mark.stack


@pytest.fixture(scope="module", params=DOORS)
def ask(request, installed):
    with opened(request.param, installed) as ask:
        yield ask


def answer(ask: Ask, case: Case) -> Reply:
    return ask(case.method, case.path, case.headers, case.body)


def test_good_requests_get_their_answers(ask: Ask) -> None:
    for case in GOOD:
        status, headers, body = answer(ask, case)
        assert status == case.status, (case.name, body)
        assert headers["content-type"] == "application/json", case.name
        assert headers["x-request-id"], case.name
        assert case.holds(json.loads(body)), (case.name, body)


def test_bad_requests_get_the_stated_refusal(ask: Ask) -> None:
    for case in BAD:
        status, headers, body = answer(ask, case)
        assert status == case.status, (case.name, status, body[:300])
        assert headers["content-type"] == "application/problem+json", case.name
        problem = json.loads(body)
        assert problem["status"] == status
        assert {"type", "title", "code", "detail", "request_id"} <= problem.keys(), case.name
        assert problem["request_id"] == headers["x-request-id"] != "", case.name
        assert case.code in (None, problem["code"]), (case.name, problem)
        if status == 405:
            assert headers["allow"] == "POST", case.name
        if status == 401:
            assert headers["www-authenticate"] == "Bearer", case.name


@pytest.mark.parametrize("door", ["uvicorn", "daphne"])
def test_an_undeclared_body_is_counted_as_it_comes(installed, door: str) -> None:
    def pieces():
        for _ in range(11):
            yield b" " * 1_000_000

    with served(door, installed) as url:
        for path in ("/predict-async", "/predict-sync"):
            answer = httpx.post(url + path, content=pieces(), headers=JSON, timeout=30)
            assert answer.status_code == 413, (path, answer.text)
            assert answer.json()["code"] == "body_too_large"
            assert answer.json()["request_id"]


def test_the_clients_own_request_id_comes_back(ask: Ask) -> None:
    for path, body in (("/predict-async", b'{"features": [1,2,3,4]}'), (NATIVE, b"{}")):
        headers = {"Content-Type": "application/json", "X-Request-ID": "my-own.id_1"}
        _, answered, _ = ask("POST", path, headers, body)
        assert answered["x-request-id"] == "my-own.id_1"


def test_a_strange_request_id_is_replaced(ask: Ask) -> None:
    headers = {"Content-Type": "application/json", "X-Request-ID": "a b<script>"}
    _, answered, _ = ask("POST", "/predict-async", headers, b'{"features": [1,2,3,4]}')
    assert answered["x-request-id"] not in ("", "a b<script>")


def test_churn_answers_objects_by_column_name_like_its_pipeline(ask: Ask, churn_truth) -> None:
    rows, labels, probabilities = churn_truth
    body = json.dumps({"rows": rows}).encode()
    path = "/api/v1/models/churn/predict"
    status, _, text = ask("POST", path, {"Content-Type": "application/json"}, body)
    assert status == 200, text
    answered = json.loads(text)
    assert answered["predictions"] == labels
    for got, wanted in zip(answered["probabilities"], probabilities, strict=True):
        assert got == pytest.approx(wanted, abs=1e-4)
