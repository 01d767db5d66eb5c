"""People and their keys, and programs that send them."""

import pytest
from django.contrib.auth.models import User
from django.test import Client

from mlapi import issuing
from mlapi.auth import keys


@pytest.fixture(autouse=True)
def own_table(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys are read by the test's own thread: another one would see none of its transaction."""

    def read_at_once(_timeout_s: float) -> bool:
        keys.read()
        keys.follower.has_read = True
        return True

    monkeypatch.setattr(keys.follower, "wait_for_read", read_at_once)


@pytest.fixture
def ann() -> User:
    return User.objects.create_user("ann", password="x")


def key_of(owner: User, **facts: object) -> str:
    """The text of a new key."""
    return issuing.issue(owner=owner, **{"name": "n", "expires_at": None, **facts})[1]


def program(key: str) -> Client:
    """Sends this key with every request."""
    return Client(headers={"Authorization": f"Bearer {key}"})
