"""One's own keys in REST: issued, shown once, listed, revoked."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from mlapi import issuing
from mlapi.models import ApiKey
from tests.access.conftest import key_of, program

pytestmark = [pytest.mark.django_db, pytest.mark.database]
KEYS = "/api/v1/keys/"
JSON = "application/json"


@pytest.fixture
def caller(ann: User) -> Client:
    return program(key_of(ann, name="first"))


def post(client: Client, body: object, **more: Any) -> tuple[int, dict[str, Any]]:
    answer = client.post(KEYS, body, content_type=JSON, **more)
    return answer.status_code, answer.json()


def listed(client: Client) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = client.get(KEYS).json()["results"]
    return found


def test_a_key_is_shown_once_and_works_at_once(caller: Client, ann: User) -> None:
    answer = caller.post(KEYS, {"name": "nightly"}, content_type=JSON)

    made = answer.json()
    kept = ApiKey.objects.get(name="nightly")
    assert answer.status_code == 201
    assert answer["Cache-Control"] == "no-store"
    assert made.keys() >= {"id", "prefix", "key", "name", "created_at", "expires_at"}
    assert made["id"] == str(kept.public_id)
    assert made["key"].startswith(made["prefix"])
    assert (kept.user, kept.created_by, kept.expiry) == (ann, ann, None)
    assert program(made["key"]).get(KEYS).status_code == 200
    shown = caller.get(KEYS).content.decode()
    assert made["key"] not in shown
    assert kept.digest not in shown
    assert [key["name"] for key in listed(caller)] == ["nightly", "first"]


@pytest.mark.parametrize("spelling", ["/api/v1/keys", "/api/v1/keys/"])
def test_both_spellings_answer(caller: Client, spelling: str) -> None:
    made = caller.post(spelling, {"name": "n"}, content_type=JSON)

    assert made.status_code == 201
    assert caller.get(spelling).status_code == 200
    slash = spelling[len("/api/v1/keys") :]
    assert caller.delete(f"/api/v1/keys/{made.json()['id']}{slash}").status_code == 204


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({}, 422, "wrong_input"),
        ([], 422, "wrong_input"),
        ({"name": ""}, 422, "wrong_input"),
        ({"name": 1}, 422, "wrong_input"),
        ({"name": "a\x00b"}, 422, "wrong_input"),
        ({"name": "n" * 101}, 422, "wrong_input"),
        ({"name": "n", "owner": "root"}, 422, "wrong_input"),
        ({"name": "n", "expires_at": "soon"}, 422, "wrong_input"),
        ({"name": "n", "expires_at": "2100-01-01T00:00:00"}, 422, "wrong_input"),
        ({"name": "n", "expires_at": "2020-01-01T00:00:00Z"}, 422, "wrong_input"),
        ({"name": "n", "expires_at": "9999-12-31T23:59:59-12:00"}, 422, "wrong_input"),
        ({"name": "n", "expires_at": "0001-01-01T00:00:00+14:00"}, 422, "wrong_input"),
        ("{", 400, "malformed"),
        ('{"name": "n", "name": "m"}', 400, "malformed"),
    ],
)
def test_nonsense_is_refused_and_nothing_is_kept(
    caller: Client, body: object, status: int, code: str
) -> None:
    found, problem = post(caller, body)

    assert (found, problem["code"]) == (status, code)
    assert ApiKey.objects.count() == 1


def test_a_key_ends_when_it_was_asked_to(caller: Client) -> None:
    end = datetime.now(UTC) + timedelta(days=3)

    _, made = post(caller, {"name": "n", "expires_at": end.isoformat()})

    assert datetime.fromisoformat(made["expires_at"]) == end
    ApiKey.objects.filter(public_id=made["id"]).update(expiry=datetime.now(UTC))
    assert program(made["key"]).get(KEYS).status_code == 401


def test_what_a_key_makes_ends_when_it_ends_at_the_latest(ann: User) -> None:
    end = datetime.now(UTC) + timedelta(days=3)
    caller = program(key_of(ann, expires_at=end))

    _, made = post(caller, {"name": "n"})
    later, problem = post(caller, {"name": "n", "expires_at": "2100-01-01T00:00:00Z"})

    assert datetime.fromisoformat(made["expires_at"]) == end
    assert (later, problem["code"]) == (422, "wrong_input")


def test_a_key_revokes_itself(caller: Client) -> None:
    (own,) = listed(caller)

    assert caller.delete(f"{KEYS}{own['id']}/").status_code == 204
    assert ApiKey.objects.get().revoked_at is not None


def test_revoking_again_keeps_the_first_time(caller: Client) -> None:
    _, made = post(caller, {"name": "n"})
    assert caller.delete(f"{KEYS}{made['id']}/").status_code == 204
    first = listed(caller)[0]["revoked_at"]

    assert caller.delete(f"{KEYS}{made['id']}/").status_code == 204
    assert first is not None
    assert listed(caller)[0]["revoked_at"] == first


def test_a_revoked_key_opens_nothing(caller: Client) -> None:
    _, made = post(caller, {"name": "n"})
    caller.delete(f"{KEYS}{made['id']}/")

    assert program(made["key"]).get(KEYS).status_code == 401


@pytest.mark.parametrize("superuser", [False, True])
def test_keys_of_others_are_unknown(ann: User, superuser: bool) -> None:
    other = User.objects.create_user("bob", is_superuser=superuser)
    theirs = ApiKey.objects.get(name="anns") if key_of(ann, name="anns") else None
    assert theirs is not None
    caller = program(key_of(other, name="bobs"))

    answer = caller.delete(f"{KEYS}{theirs.public_id}/")

    assert (answer.status_code, answer.json()["code"]) == (404, "unknown_key")
    assert [key["name"] for key in listed(caller)] == ["bobs"]
    theirs.refresh_from_db()
    assert theirs.revoked_at is None


@pytest.mark.parametrize("key_id", ["00000000-0000-4000-8000-000000000000", "1", "-", "f" * 64])
def test_a_key_that_is_not_there_is_unknown(caller: Client, key_id: str) -> None:
    answer = caller.delete(f"{KEYS}{key_id}/")

    assert (answer.status_code, answer.json()["code"]) == (404, "unknown_key")


def test_a_list_is_read_page_by_page(
    caller: Client, ann: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mlapi.key_views.KeysNewestFirst.page_size", 2)
    for name in "abcd":
        key_of(ann, name=name)

    names, address = [], KEYS
    while address:
        page = caller.get(address).json()
        names += [key["name"] for key in page["results"]]
        address = page["next"]

    assert names == ["d", "c", "b", "a", "first"]
    assert caller.get(f"{KEYS}?cursor=cD1ub25zZW5zZQ==").status_code == 404


def test_nobody_has_keys_without_end(
    caller: Client, ann: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(issuing, "MOST_IN_USE", 2)
    _, made = post(caller, {"name": "second"})

    status, problem = post(caller, {"name": "third"})

    assert (status, problem["code"]) == (409, "too_many_keys")
    caller.delete(f"{KEYS}{made['id']}/")
    assert post(caller, {"name": "third"})[0] == 201


def test_a_session_needs_the_token_against_forgery() -> None:
    staff = User.objects.create_user("sam", is_staff=True)
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(staff)
    page = browser.get(reverse("admin:password_change"))
    token = page.cookies["csrftoken"].value

    assert post(browser, {"name": "n"})[0] == 403
    assert post(browser, {"name": "n"}, headers={"X-CSRFToken": token})[0] == 201
    made = listed(browser)[0]
    assert browser.delete(f"{KEYS}{made['id']}/").status_code == 403
    deleted = browser.delete(f"{KEYS}{made['id']}/", headers={"X-CSRFToken": token})
    assert deleted.status_code == 204


def test_nobody_gets_in_without_a_key_or_a_session_of_staff(ann: User) -> None:
    signed_in = Client()
    signed_in.force_login(ann)

    for client, status in ((Client(), 401), (signed_in, 403)):
        assert client.get(KEYS).status_code == status
        assert post(client, {"name": "n"})[0] == status
        assert client.delete(f"{KEYS}{uuid4()}/").status_code == status
