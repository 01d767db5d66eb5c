"""Keys that were found lately are known by their header, never beyond what the table says."""

from datetime import UTC, datetime, timedelta
from time import time

import pytest
from django.contrib.auth import get_user_model

from mlapi import auth
from mlapi.auth import KeyTable
from mlapi.models import ApiKey
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


def fault(header: bytes) -> Exception | None:
    """What a request with this header is told."""
    told: list[Exception | None] = []
    auth.authenticate_on_loop(header, None, told.append, lambda then: then())
    return told[0]


def test_a_key_is_known_by_its_header_until_the_table_is_read(table: KeyTable) -> None:
    made, header = key(table)
    assert not table.was_found_lately(header)
    assert fault(header) is None
    assert table.was_found_lately(header)
    assert fault(header) is None
    made.revoked_at = datetime.now(UTC)
    made.save()
    table.read()
    assert isinstance(fault(header), Unauthenticated)
    assert not table.was_found_lately(header)


def test_a_key_that_expires_between_two_readings_opens_nothing(
    table: KeyTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, header = key(table, expiry=timedelta(hours=1))
    assert fault(header) is None

    monkeypatch.setattr(auth, "time", lambda: time() + 7200)
    assert isinstance(fault(header), Unauthenticated)


def test_what_opens_nothing_is_not_remembered(table: KeyTable) -> None:
    for header in (b"Bearer nonsense", b"nonsense", b"Basic eDp5"):
        assert isinstance(fault(header), Unauthenticated)
        assert not table.was_found_lately(header)


def test_a_key_in_ever_new_headers_takes_no_memory(
    table: KeyTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(auth, "MOST_LATELY", 3)
    _, header = key(table)
    spellings = [header + b" " * spaces for spaces in range(9)]
    assert [fault(spelt) for spelt in spellings] == [None] * 9
    assert sum(map(table.was_found_lately, spellings)) == 3
