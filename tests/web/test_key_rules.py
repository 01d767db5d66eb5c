"""Who may do what with keys in the admin, on any database."""

import re

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import reverse

from mlapi.models import ApiKey

pytestmark = [pytest.mark.django_db, pytest.mark.database]
LIST, ADD = "admin:mlapi_apikey_changelist", "admin:mlapi_apikey_add"


@pytest.fixture
def root() -> User:
    return User.objects.create_superuser("root", password="x")


@pytest.fixture
def staff() -> User:
    """Somebody of the staff who may look at keys, make and revoke them."""
    user = User.objects.create_user("sam", password="x", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(content_type__model="apikey"))
    return user


def client_of(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def revoke(client: Client, *keys: ApiKey) -> None:
    chosen = {"action": "revoke", "_selected_action": [key.pk for key in keys]}
    client.post(reverse(LIST), chosen, follow=True)


def test_a_new_key_is_shown_once_and_kept_as_a_digest(root: User) -> None:
    client = client_of(root)

    page = client.post(reverse(ADD), {"name": "n", "user": root.pk}, follow=True).content.decode()
    again = client.get(reverse(LIST)).content.decode()

    shown = re.findall(r'class="mlapi-key">(mlapi_[0-9a-f]+)<', page)
    made = ApiKey.objects.get()
    assert len(shown) == 1
    assert shown[0].startswith(made.token_key)
    assert shown[0] not in again
    assert shown[0] not in made.digest
    assert (made.user, made.created_by) == (root, root)


def test_staff_make_keys_for_themselves_only(root: User, staff: User) -> None:
    client_of(staff).post(reverse(ADD), {"name": "mine", "user": root.pk})

    assert ApiKey.objects.get().user == staff


def test_staff_see_and_revoke_their_own_keys_only(root: User, staff: User) -> None:
    theirs, _ = ApiKey.objects.create(root, name="of-root")
    own, _ = ApiKey.objects.create(staff, name="of-sam")
    client = client_of(staff)

    page = client.get(reverse(LIST)).content.decode()
    revoke(client, own, theirs)

    assert "of-sam" in page
    assert "of-root" not in page
    assert ApiKey.objects.get(pk=own.pk).revoked_at is not None
    assert ApiKey.objects.get(pk=theirs.pk).revoked_at is None


def test_revoking_again_keeps_the_first_time(root: User) -> None:
    key, _ = ApiKey.objects.create(root)
    client = client_of(root)
    revoke(client, key)
    first = ApiKey.objects.get().revoked_at

    revoke(client, key)

    assert ApiKey.objects.get().revoked_at == first


def test_a_key_cannot_be_changed(root: User) -> None:
    key, _ = ApiKey.objects.create(root, name="before")
    address = reverse("admin:mlapi_apikey_change", args=[key.pk])
    client = client_of(root)

    answer = client.post(address, {"name": "after", "user": root.pk})
    page = client.get(address).content.decode()

    assert answer.status_code == 403
    assert ApiKey.objects.get().name == "before"
    assert key.digest not in re.sub(r"<[^>]+>", "", page), "the digest is no text of the page"


def test_without_the_permission_there_is_no_page_and_no_place_in_the_sidebar() -> None:
    nobody = User.objects.create_user("nil", password="x", is_staff=True)
    client = client_of(nobody)

    front = client.get(reverse("admin:index")).content.decode()

    assert client.get(reverse(LIST)).status_code == 403
    assert reverse(LIST) not in front
    assert "Default model" in front


def test_the_front_page_says_what_to_do_when_there_is_no_model(root: User) -> None:
    front = client_of(root).get(reverse("admin:index")).content.decode()

    assert "No model yet" in front
    assert "manage.py register_model" in front
