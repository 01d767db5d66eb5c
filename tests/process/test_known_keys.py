"""Keys that were found lately are known by their header, never beyond what the table says."""

from datetime import UTC, datetime, timedelta
from time import time

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group, Permission
from django.db import connection
from django.test.utils import CaptureQueriesContext

from mlapi import auth
from mlapi.auth import KeyTable
from mlapi.models import ApiKey
from modelregistry.audience import Caller
from predictions.errors import Unauthenticated

pytestmark = pytest.mark.django_db


@pytest.fixture
def table(monkeypatch: pytest.MonkeyPatch) -> KeyTable:
    """The process's own, read by the test alone."""
    made = KeyTable()
    monkeypatch.setattr(auth, "keys", made)
    monkeypatch.setattr(made.follower, "after_next_read", lambda then: (made.read(), then()))
    made.follower.has_read = True
    return made


def key(table: KeyTable, **facts: object) -> tuple[ApiKey, bytes]:
    """A new one, and the header that it comes in."""
    user = get_user_model().objects.create_user("somebody")
    made, token = ApiKey.objects.create(user=user, **facts)
    table.read()
    return made, f"Bearer {token}".encode()


def outcome(header: bytes) -> Caller | Exception:
    """What a request with this header is told."""
    told: list[Caller | Exception] = []
    auth.authenticate_on_loop(header, None, told.append, lambda then: then())
    return told[0]


def test_a_key_is_known_by_its_header_until_the_table_is_read(table: KeyTable) -> None:
    made, header = key(table)
    assert not table.found_lately(header)
    assert outcome(header) == Caller(known=True)
    assert table.found_lately(header)
    assert outcome(header) == Caller(known=True)
    made.revoked_at = datetime.now(UTC)
    made.save()
    table.read()
    assert isinstance(outcome(header), Unauthenticated)
    assert not table.found_lately(header)


def test_a_key_that_expires_between_two_readings_opens_nothing(
    table: KeyTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, header = key(table, expiry=timedelta(hours=1))
    assert outcome(header) == Caller(known=True)

    monkeypatch.setattr(auth, "time", lambda: time() + 7200)
    assert isinstance(outcome(header), Unauthenticated)


def test_what_opens_nothing_is_not_remembered(table: KeyTable) -> None:
    for header in (b"Bearer nonsense", b"nonsense", b"Basic eDp5"):
        assert isinstance(outcome(header), Unauthenticated)
        assert not table.found_lately(header)


def test_a_key_in_ever_new_headers_takes_no_memory(
    table: KeyTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(auth, "MOST_LATELY", 3)
    _, header = key(table)
    spellings = [header + b" " * spaces for spaces in range(9)]
    assert [outcome(spelt) for spelt in spellings] == [Caller(known=True)] * 9
    assert sum(table.found_lately(spelt) is not None for spelt in spellings) == 3


def test_whoever_asks_is_known_with_groups_and_what_they_may_see(table: KeyTable) -> None:
    botany, seers = (Group.objects.create(name=name) for name in ("botany", "seers"))
    seers.permissions.add(Permission.objects.get(codename="view_all_models"))
    _, header = key(table)
    somebody = get_user_model().objects.get()
    somebody.groups.add(botany)
    table.read()
    assert outcome(header) == Caller(known=True, groups=frozenset({botany.pk}))
    somebody.groups.add(seers)
    table.read()
    both = frozenset({botany.pk, seers.pk})
    assert outcome(header) == Caller(known=True, groups=both, sees_all=True)
    somebody.groups.clear()
    table.read()
    assert outcome(header) == Caller(known=True)
    get_user_model().objects.update(is_superuser=True)
    table.read()
    assert outcome(header) == Caller(known=True, sees_all=True)


def test_all_keys_are_read_in_one_query(table: KeyTable) -> None:
    for name in ("ann", "bob"):
        owner = get_user_model().objects.create_user(name)
        owner.groups.set([Group.objects.create(name=f"{name} {n}") for n in range(3)])
        ApiKey.objects.create(user=owner)
        ApiKey.objects.create(user=owner)
    with CaptureQueriesContext(connection) as queries:
        table.read()
    assert len(queries) == 1
    assert len(table._keys) == 4
    assert {len(known.caller.groups) for known in table._keys.values()} == {3}
