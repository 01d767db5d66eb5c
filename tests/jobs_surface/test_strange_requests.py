"""Requests that are well-formed JSON and nonsense all the same: refused, never a 5xx, no echo."""

from base64 import b64encode
from datetime import timedelta
from urllib.parse import quote

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from jobs import services
from jobs.errors import WrongParams
from jobs.models import Job
from tests.jobs_surface.rows import CREATED, finished, person, signed_in

pytestmark = [pytest.mark.django_db, pytest.mark.database]
JOBS = "/api/v1/jobs/"
ROW = {"kind": "predict_task", "params": {"features": [5.1, 3.5, 1.4, 0.2]}}


@pytest.fixture
def ann() -> User:
    return person("ann")


@pytest.fixture
def client(ann: User) -> Client:
    client = signed_in(ann)
    client.raise_request_exception = False
    return client


def submit(client: Client, body: object, **headers: str) -> tuple[int, dict[str, object]]:
    answer = client.post(JOBS, body, content_type="application/json", headers=headers)
    return answer.status_code, answer.json()


@pytest.mark.parametrize(
    "moment",
    [
        "2026-01-31T12:00:00",
        "9999-12-31T23:59:59-12:00",
        "0001-01-01T00:00:00+23:00",
        "9999-12-31T23:59:59Z",
        (timezone.now() + services.FARTHEST + timedelta(days=1)).isoformat(),
    ],
    ids=["no zone", "after 9999 in UTC", "before 1 in UTC", "9999", "a day too far"],
)
def test_a_moment_without_zone_or_beyond_a_century_is_refused(client: Client, moment: str) -> None:
    status, problem = submit(client, {**ROW, "not_before": moment})
    assert (status, problem["code"]) == (422, "wrong_input")
    assert Job.objects.count() == 0


@pytest.mark.parametrize("zone", ["Z", "+14:00", "-12:00"])
def test_a_moment_of_any_zone_is_kept_as_what_it_is(client: Client, zone: str) -> None:
    due = (timezone.now() + timedelta(days=300)).replace(microsecond=0)
    told = due.replace(tzinfo=None).isoformat() + zone
    status, job = submit(client, {**ROW, "not_before": told})
    assert status == 202
    kept = Job.objects.get(pk=job["id"])
    assert kept.not_before is not None
    assert abs(kept.not_before - due) <= timedelta(hours=14)
    assert client.get(f"{JOBS}{job['id']}/").status_code == 200


@pytest.mark.parametrize("name", ["created_after", "created_before"])
@pytest.mark.parametrize(
    "moment",
    ["0001-01-01T00:00:00+23:00", "9999-12-31T23:59:59-12:00", "2026-01-31T12:00:00", "null", "17"],
)
def test_a_filter_by_a_moment_that_is_none_is_400(client: Client, name: str, moment: str) -> None:
    answer = client.get(f"{JOBS}?{name}={quote(moment)}")
    assert (answer.status_code, answer.json()["code"]) == (400, "malformed")


def test_null_is_a_word_like_any_other_in_a_filter(client: Client, ann: User) -> None:
    finished(ann)
    assert client.get(f"{JOBS}?state=null").status_code == 400
    assert client.get(f"{JOBS}?kind=null").json()["results"] == []
    assert client.get(f"{JOBS}?owner=null").json()["results"] == []


@pytest.mark.parametrize(
    "place", ["garbage", "", "\x00", "2026-13-01", "2026-03-01 12:00:00", "0001-01-01 00:00+23:00"]
)
def test_a_forged_cursor_leads_nowhere(client: Client, place: str) -> None:
    cursor = b64encode(f"p={quote(place)}".encode()).decode()
    assert client.get(f"{JOBS}?cursor={cursor}").status_code == 404


def test_a_forged_cursor_of_models_leads_nowhere_too(client: Client) -> None:
    cursor = b64encode(f"p={quote(chr(0))}".encode()).decode()
    assert client.get(f"/api/v1/models/?cursor={cursor}").status_code == 404


def test_the_cursors_of_jobs_created_at_a_full_second_and_between_lead_on(
    client: Client, ann: User
) -> None:
    for number in range(102):
        finished(ann, created_at=CREATED + timedelta(milliseconds=500 * (number // 2)))
    seen, page = [], client.get(JOBS).json()
    while page["next"]:
        seen += page["results"]
        page = client.get(page["next"]).json()
    assert len({job["id"] for job in [*seen, *page["results"]]}) == 102
    assert len(client.get(page["previous"]).json()["results"]) == 50


def test_an_empty_idempotency_key_is_400(client: Client) -> None:
    status, problem = submit(client, ROW, idempotency_key="")
    assert (status, problem["code"]) == (400, "malformed")
    assert Job.objects.count() == 0


@pytest.mark.parametrize(
    "more", [{"priority": 3}, {"not_before": (timezone.now() + timedelta(days=9)).isoformat()}]
)
def test_a_key_with_another_priority_or_time_is_another_body(
    client: Client, more: dict[str, object]
) -> None:
    first = submit(client, {**ROW, **more}, idempotency_key="k")
    again = submit(client, {**ROW, **more}, idempotency_key="k")
    status, problem = submit(client, ROW, idempotency_key="k")
    assert first[1]["id"] == again[1]["id"]
    assert (status, problem["code"]) == (422, "key_reused")


@pytest.mark.parametrize("number", ["1e23", "1.7976931348623157e308", "5e-324", "-0.0", "1e16"])
def test_a_key_with_the_same_numbers_is_the_same_body(client: Client, number: str) -> None:
    body = f'{{"kind": "predict_task", "params": {{"features": [{number}]}}}}'
    first = submit(client, body, idempotency_key="k")
    again = submit(client, body, idempotency_key="k")
    assert (first[0], again[0]) == (202, 202)
    assert first[1]["id"] == again[1]["id"]


@pytest.mark.parametrize(
    ("kind", "params"),
    [
        ("load_test_task", {"model": "Wanderer" * 40}),
        ("predict_task", {"features": [1], "Wanderer" * 40: 1}),
        ("predict_task", {"features": [10**5000]}),
    ],
    ids=["model", "name", "number"],
)
def test_a_refusal_does_not_repeat_what_was_sent(kind: str, params: dict[str, object]) -> None:
    with pytest.raises(WrongParams) as refusal:
        services.submit(kind=kind, params=params)
    assert "Wanderer" not in str(refusal.value)
    assert "set_int_max" not in str(refusal.value)


def test_an_unknown_name_in_a_submission_is_not_repeated(client: Client) -> None:
    _, problem = submit(client, {**ROW, "Wanderer": 1})
    assert "Wanderer" not in str(problem["detail"])


def test_a_result_that_is_null_is_json(client: Client, ann: User) -> None:
    answer = client.get(f"{JOBS}{finished(ann, result=None).pk}/result/")
    assert (answer.status_code, answer.content) == (200, b"null")
    assert answer["Content-Type"] == "application/json"
