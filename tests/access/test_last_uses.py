"""When a key was used last: noted in memory, written once a minute, never set back."""

from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.auth.models import User
from django.db import DatabaseError, connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from mlapi import auth, issuing, last_uses
from mlapi.auth import KeyTable
from mlapi.last_uses import LastUses
from mlapi.models import ApiKey
from modelregistry.audience import Caller
from tests.access.conftest import key_of, program

pytestmark = [pytest.mark.django_db, pytest.mark.database]
NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


class Clock:
    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def uses(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> LastUses:
    """The process's own, by the test's clock."""
    made = LastUses(clock)
    monkeypatch.setattr(auth, "last_uses", made)
    return made


@pytest.fixture
def digest(ann: User) -> str:
    made, _ = issuing.issue(owner=ann, name="n", expires_at=None)
    return str(made.digest)


def last_used_at(digest: str) -> datetime | None:
    at: datetime | None = ApiKey.objects.get(pk=digest).last_used_at
    return at


def test_a_use_is_written_when_its_time_comes_and_not_before(
    uses: LastUses, clock: Clock, ann: User
) -> None:
    caller = program(key_of(ann))

    for second in range(5):
        clock.now = NOON + timedelta(seconds=second)
        assert caller.get("/api/v1/keys/").status_code == 200

    assert caller.get("/api/v1/keys/").json()["results"][0]["last_used_at"] is None
    uses.write()
    shown = caller.get("/api/v1/keys/").json()["results"][0]["last_used_at"]
    assert datetime.fromisoformat(shown) == clock.now


def test_the_lane_notes_a_use(
    uses: LastUses, clock: Clock, ann: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = KeyTable()
    monkeypatch.setattr(auth, "keys", table)
    header = f"Bearer {key_of(ann)}".encode()
    table.read()
    told: list[object] = []

    for second in (0, 0, 30):
        clock.now = NOON + timedelta(seconds=second)
        table.read()
        auth.authenticate_on_loop(header, None, told.append, lambda then: then())
    uses.write()

    assert told == [Caller(known=True)] * 3
    assert ApiKey.objects.get().last_used_at == NOON + timedelta(seconds=30)


def test_a_key_that_opens_nothing_is_not_noted(uses: LastUses, ann: User) -> None:
    text = key_of(ann)
    issuing.revoke(keys=ApiKey.objects.all())

    assert program(text).get("/api/v1/keys/").status_code == 401
    uses.write()
    assert ApiKey.objects.get().last_used_at is None


def test_a_later_time_of_another_process_stays(clock: Clock, digest: str) -> None:
    here, there = LastUses(clock), LastUses(clock)
    here.note(digest)
    clock.now = NOON + timedelta(seconds=30)
    there.note(digest)

    there.write()
    here.write()

    assert last_used_at(digest) == NOON + timedelta(seconds=30)


def test_many_keys_are_one_update_and_each_has_its_own_time(
    clock: Clock, uses: LastUses, ann: User
) -> None:
    keys = [issuing.issue(owner=ann, name=str(n), expires_at=None)[0] for n in range(20)]
    for number, key in enumerate(keys):
        clock.now = NOON + timedelta(seconds=number)
        uses.note(key.digest)

    with CaptureQueriesContext(connection) as asked:
        uses.write()
        uses.write()

    assert len(asked) == 1
    assert [last_used_at(key.digest) for key in keys] == [
        NOON + timedelta(seconds=number) for number in range(20)
    ]


def test_more_keys_than_one_update_takes_are_several(
    uses: LastUses, ann: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(last_uses, "AT_ONCE", 2)
    keys = [issuing.issue(owner=ann, name=str(n), expires_at=None)[0] for n in range(5)]
    for key in keys:
        uses.note(key.digest)

    uses.write()

    assert ApiKey.objects.filter(last_used_at=NOON).count() == 5


def test_what_could_not_be_written_is_written_the_next_time(
    uses: LastUses, clock: Clock, digest: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def locked(_uses: object) -> None:
        raise DatabaseError("locked")

    uses.note(digest)
    with monkeypatch.context() as failing:
        failing.setattr(last_uses, "_write", locked)
        with pytest.raises(DatabaseError):
            uses.write()
    assert last_used_at(digest) is None

    uses.write()

    assert last_used_at(digest) == NOON


def test_a_use_since_the_failed_write_is_the_one_that_counts(
    uses: LastUses, clock: Clock, digest: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def used_meanwhile(_uses: object) -> None:
        clock.now = NOON + timedelta(seconds=1)
        uses.note(digest)
        raise DatabaseError("locked")

    uses.note(digest)
    with monkeypatch.context() as failing:
        failing.setattr(last_uses, "_write", used_meanwhile)
        with pytest.raises(DatabaseError):
            uses.write()

    uses.write()

    assert last_used_at(digest) == NOON + timedelta(seconds=1)


def test_staff_see_when_a_key_was_used(ann: User, uses: LastUses, digest: str) -> None:
    uses.note(digest)
    uses.write()
    root = Client()
    root.force_login(User.objects.create_superuser("root"))

    assert "2026-03-01 12:00:00" in root.get(reverse("admin:mlapi_apikey_changelist")).text
    page = root.get(reverse("admin:mlapi_apikey_change", args=[digest])).text
    assert "2026-03-01 12:00:00" in page
