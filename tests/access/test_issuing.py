"""The admin and the command issue keys by the same rules as REST."""

from datetime import UTC, datetime
from io import StringIO

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse

from mlapi import issuing
from mlapi.models import ApiKey

pytestmark = [pytest.mark.django_db, pytest.mark.database]
ADD = "admin:mlapi_apikey_add"


@pytest.fixture
def root() -> Client:
    client = Client()
    client.force_login(User.objects.create_superuser("root"))
    return client


def said(client: Client, owner: User, **facts: str) -> str:
    """The page that answers when a key is added."""
    page = client.post(reverse(ADD), {"name": "n", "user": str(owner.pk), **facts}, follow=True)
    return page.content.decode()


def test_a_key_that_ends_in_the_past_is_refused_on_the_form(root: Client, ann: User) -> None:
    page = said(root, ann, expiry_0="2020-01-01", expiry_1="00:00:00")

    assert "A key ends in the future" in page
    assert ApiKey.objects.count() == 0


def test_a_key_for_somebody_inactive_is_refused_everywhere(root: Client, ann: User) -> None:
    ann.is_active = False
    ann.save()

    assert "a key would not work" in said(root, ann)
    with pytest.raises(CommandError, match="a key would not work"):
        call_command("create_api_key", "ann")
    assert ApiKey.objects.count() == 0


def test_more_keys_than_anybody_may_have_are_refused_everywhere(
    root: Client, ann: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(issuing, "MOST_IN_USE", 1)
    call_command("create_api_key", "ann", stdout=StringIO())

    assert "revoke one first" in said(root, ann)
    with pytest.raises(CommandError, match="revoke one first"):
        call_command("create_api_key", "ann")
    assert ApiKey.objects.count() == 1


def test_only_those_that_were_in_use_are_said_to_be_revoked(ann: User) -> None:
    for _ in range(2):
        issuing.issue(owner=ann, name="n", expires_at=None)
    first, second = ApiKey.objects.all()
    assert issuing.revoke(keys=[first]) == [first]
    at = ApiKey.objects.get(pk=first.pk).revoked_at

    assert issuing.revoke(keys=[first, second]) == [second]
    assert ApiKey.objects.get(pk=first.pk).revoked_at == at
    assert at is not None
    assert at <= datetime.now(UTC)
