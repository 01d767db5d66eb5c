"""Who fails too often is answered 429 unseen, everywhere; a key that memory knows never is."""

from typing import Any

import pytest
from channels.testing import WebsocketCommunicator
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from mlapi import auth, issuing, login, sockets
from mlapi.auth import KeyTable, authenticate_on_loop, keys
from mlapi.errors import TooManyFailures
from mlapi.failed_attempts import FailedAttempts
from mlapi.models import ApiKey
from modelregistry.audience import Caller
from predictions.errors import Unauthenticated
from tests.access.conftest import key_of, program

pytestmark = [pytest.mark.django_db, pytest.mark.database]
LISTING = "/api/v1/keys/"
HERE, THERE = {"REMOTE_ADDR": "192.0.2.1"}, {"REMOTE_ADDR": "192.0.2.2"}
MOST = 3


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Counters of the test's own, which three failures fill."""
    monkeypatch.setattr(auth, "failures", FailedAttempts(MOST))
    monkeypatch.setattr(login, "failures", FailedAttempts(MOST))


def wrong_key(number: int) -> str:
    """One that nobody has, and whose beginning no other number shares."""
    return f"mlapi_{number:09d}{'0' * 55}"


def statuses(key: str | None = None, times: int = MOST, **environ: str) -> list[int]:
    """Of so many requests with this key, or each with another wrong one."""
    found = [program(key or wrong_key(n)).get(LISTING, **environ) for n in range(times)]
    return [answer.status_code for answer in found]


def test_an_address_that_tries_key_after_key_is_refused_without_a_read() -> None:
    assert statuses(**HERE) == [401] * MOST

    with CaptureQueriesContext(connection) as asked:
        answer = program(wrong_key(99)).get(LISTING, **HERE)

    assert (answer.status_code, answer.json()["code"]) == (429, "too_many_failures")
    assert 0 < int(answer["Retry-After"]) <= 60
    assert len(asked) == 0
    assert statuses(wrong_key(98), 1, **THERE) == [401]


def test_a_key_that_is_tried_from_many_addresses_is_refused() -> None:
    for host in range(MOST):
        assert statuses(wrong_key(1), 1, REMOTE_ADDR=f"192.0.2.{host}") == [401]

    assert statuses(wrong_key(1), 1, REMOTE_ADDR="192.0.2.77") == [429]
    assert statuses(wrong_key(2), 1, REMOTE_ADDR="192.0.2.77") == [401]


def test_a_valid_key_is_never_refused_for_what_others_do(ann: User) -> None:
    good = key_of(ann)
    keys.read()
    statuses(**HERE)
    similar = good[:-1] + ("0" if good[-1] != "0" else "1")
    for host in range(MOST):
        statuses(similar, 1, REMOTE_ADDR=f"192.0.2.{100 + host}")

    assert statuses(wrong_key(9), 1, **HERE) == [429]
    assert statuses(similar, 1, **THERE) == [429]
    assert statuses(good, 5, **HERE) == [200] * 5


def test_a_key_made_meanwhile_works_once_the_table_has_been_read(ann: User) -> None:
    statuses(**HERE)
    made = key_of(ann)

    assert statuses(made, 1, **HERE) == [429]
    keys.read()
    assert statuses(made, 1, **HERE) == [200]


def test_no_key_at_all_and_a_header_that_holds_none_are_not_counted() -> None:
    for header in ("Bearer", "Basic eDp5", "nonsense"):
        found = [Client(headers={"Authorization": header}).get(LISTING, **HERE) for _ in range(9)]
        assert {answer.status_code for answer in found} == {401}
    assert {Client().get(LISTING, **HERE).status_code for _ in range(9)} == {401}


class Lane:
    """Asks as the lane does, of a table that the test reads."""

    def __init__(self, table: KeyTable) -> None:
        self.table = table
        self.reads = 0
        table.follower.after_next_read = self._read
        table.follower.has_read = True

    def _read(self, then: Any) -> None:
        self.reads += 1
        self.table.read()
        then()

    def fault(self, key: str, address: str | None = "192.0.2.1") -> Exception | None:
        told: list[Caller | Exception] = []
        client = (address, 1) if address else None
        authenticate_on_loop(f"Bearer {key}".encode(), client, told.append, lambda then: then())
        return told[0] if isinstance(told[0], Exception) else None


@pytest.fixture
def lane(monkeypatch: pytest.MonkeyPatch) -> Lane:
    made = Lane(KeyTable())
    monkeypatch.setattr(auth, "keys", made.table)
    return made


def test_the_lane_refuses_without_a_read(lane: Lane) -> None:
    faults = [lane.fault(wrong_key(number)) for number in range(MOST)]
    read_before = lane.reads

    refusal = lane.fault(wrong_key(99))

    assert all(isinstance(fault, Unauthenticated) for fault in faults)
    assert isinstance(refusal, TooManyFailures)
    assert refusal.retry_after_s > 0
    assert lane.reads == read_before
    assert isinstance(lane.fault(wrong_key(98), "192.0.2.2"), Unauthenticated)


def test_the_lane_lets_a_key_in_that_it_knows(lane: Lane, ann: User) -> None:
    good = key_of(ann)
    lane.table.read()
    for number in range(MOST + 1):
        lane.fault(wrong_key(number))

    assert [lane.fault(good) for _ in range(3)] == [None] * 3


def test_a_revoked_key_is_refused_and_then_refused_unseen(lane: Lane, ann: User) -> None:
    key = key_of(ann)
    assert lane.fault(key) is None
    issuing.revoke(keys=ApiKey.objects.all())
    lane.table.read()

    faults = [type(lane.fault(key, None)) for _ in range(MOST + 1)]

    assert faults == [Unauthenticated] * MOST + [TooManyFailures]


def test_failures_count_for_lane_and_django_together(lane: Lane) -> None:
    for number in range(MOST):
        lane.fault(wrong_key(number), HERE["REMOTE_ADDR"])

    assert statuses(wrong_key(50), 1, **HERE) == [429]


async def handshake(key: str) -> list[dict[str, Any]]:
    """What a WebSocket client is answered."""
    headers = [(b"host", b"testserver"), (b"authorization", f"Bearer {key}".encode())]
    asked = WebsocketCommunicator(sockets.sockets, "/ws/jobs/", headers=headers)
    asked.scope |= {
        "client": ("192.0.2.1", 1),
        "extensions": {"websocket.http.response": {}},
    }
    await asked.send_input({"type": "websocket.connect"})
    first = await asked.receive_output(10)
    answered = [first]
    if first["type"] == "websocket.http.response.start":
        answered.append(await asked.receive_output(10))
    await asked.wait(10)
    return answered


@pytest.mark.django_db(transaction=True)
async def test_a_websocket_of_who_fails_too_often_is_answered_429() -> None:
    for number in range(MOST):
        auth.failures.note([f"key {wrong_key(number)[:15]}", "address 192.0.2.1"])

    start, body = await handshake(wrong_key(99))

    assert start["status"] == 429
    assert b"retry-after" in dict(start["headers"])
    assert b"too_many_failures" in body["body"]


def sign_in(username: str, password: str, **environ: str) -> Any:
    form = {"username": username, "password": password}
    return Client().post(reverse("admin:login"), form, **environ)


@pytest.fixture
def root() -> User:
    return User.objects.create_superuser("root", password="right")


def test_an_address_that_tries_password_after_password_is_told_to_wait(root: User) -> None:
    tried = [sign_in(f"user{number}", "wrong", **HERE) for number in range(MOST)]
    with CaptureQueriesContext(connection) as asked:
        refused = sign_in("root", "right", **HERE)

    assert all("Please enter the correct" in page.text for page in tried)
    assert refused.status_code == 200
    assert "Too many failed attempts. Try again in" in refused.text
    assert len(asked) == 0
    assert sign_in("root", "right", **THERE).status_code == 302


def test_a_user_whose_password_is_tried_from_everywhere_has_to_wait(root: User) -> None:
    for host in range(MOST):
        sign_in("root", "wrong", REMOTE_ADDR=f"192.0.2.{host}")

    assert "Too many failed attempts" in sign_in("root", "right", REMOTE_ADDR="192.0.2.9").text
    assert "Too many" not in sign_in("other", "wrong", REMOTE_ADDR="192.0.2.9").text


def test_of_many_passwords_at_once_no_more_are_looked_at(
    root: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked_at: list[str] = []

    def slow(*_: object, password: str, **_more: object) -> None:
        """Others come while this one is looked at."""
        looked_at.append(password)
        if len(looked_at) < 4 * MOST:
            sign_in("root", f"{password} again", **HERE)

    with monkeypatch.context() as patch:
        patch.setattr("django.contrib.auth.forms.authenticate", slow)
        sign_in("root", "wrong", **HERE)

    assert len(looked_at) == MOST


def test_who_signs_in_again_and_again_has_not_failed(root: User) -> None:
    signed_in = [sign_in("root", "right", **HERE).status_code for _ in range(3 * MOST)]
    assert signed_in == [302] * 3 * MOST
    failed = [sign_in("root", "wrong", **HERE).text for _ in range(MOST)]
    assert all("Please enter the correct" in text for text in failed)
    assert "Too many" in sign_in("root", "right", **HERE).text


def test_keys_and_passwords_are_counted_apart(root: User) -> None:
    statuses(**HERE)

    assert sign_in("root", "right", **HERE).status_code == 302


def test_a_form_that_lacks_a_field_is_no_attempt(root: User) -> None:
    for _ in range(MOST + 1):
        sign_in("root", "", **HERE)
        sign_in("", "wrong", **HERE)

    assert sign_in("root", "right", **HERE).status_code == 302
