"""What a key costs the lane stays small; `python -m benchmarks.authentication` has the figure."""

from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.auth.models import User

from benchmarks.authenticating import PROMISED_NS, cost_of
from mlapi import auth
from mlapi.auth import KeyTable
from tests.access.conftest import key_of

SLACK = 5


@pytest.mark.alone
@pytest.mark.django_db
@pytest.mark.parametrize("expires_in", [None, timedelta(days=1)])
def test_a_known_key_costs_a_request_of_the_lane_a_microsecond_at_most(
    ann: User, expires_in: timedelta | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = KeyTable()
    monkeypatch.setattr(auth, "keys", table)
    end = datetime.now(UTC) + expires_in if expires_in else None
    header = f"Bearer {key_of(ann, expires_at=end)}".encode()
    table.read()

    assert cost_of(header) <= SLACK * PROMISED_NS
