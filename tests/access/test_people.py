"""Users and groups in the admin: superusers change them, and nobody else raises themselves."""

import pytest
from django.contrib.auth.models import Group, Permission, User
from django.test import Client
from django.urls import reverse

from tests.jobs_surface.rows import person, signed_in

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.database]
EVERY_WORD = [f"{verb}_{what}" for verb in ("add", "change", "delete", "view")
              for what in ("user", "group")]  # fmt: skip
RAISED = {
    "username": "ada", "is_active": "on", "is_staff": "on", "is_superuser": "on",
    "date_joined_0": "2026-01-01", "date_joined_1": "00:00:00",
}  # fmt: skip


@pytest.fixture
def ada() -> User:
    """Staff, with all permissions about users and groups."""
    return person("ada", *EVERY_WORD)


def page(kind: str, view: str, *args: object) -> str:
    return reverse(f"admin:auth_{kind}_{view}", args=args)


def test_staff_with_every_permission_about_users_do_not_raise_themselves(ada: User) -> None:
    chief, group = User.objects.create_superuser("chief"), Group.objects.create(name="helpers")
    ada.groups.add(group)
    client = signed_in(ada)
    wanted = Permission.objects.get(codename="promote_modelversion").pk
    new = {"username": "eve", "password1": "only-a-test-4711", "password2": "only-a-test-4711"}
    both = {"password1": "another-test-4711", "password2": "another-test-4711"}
    for address, form in (
        (page("user", "change", ada.pk), RAISED),
        (page("user", "add"), {**new, "usable_password": "true"}),
        (page("user", "password_change", chief.pk), {**both, "usable_password": "true"}),
        (page("user", "delete", chief.pk), {"post": "yes"}),
        (page("group", "change", group.pk), {"name": "helpers", "permissions": [wanted]}),
        (page("group", "add"), {"name": "others", "permissions": [wanted]}),
    ):
        assert client.post(address, form).status_code == 403, address
    ada.refresh_from_db()
    assert (ada.is_superuser, group.permissions.count()) == (False, 0)
    assert {*User.objects.values_list("username", flat=True)} == {"ada", "chief"}


def test_they_look_and_superusers_change(ada: User) -> None:
    group = Group.objects.create(name="helpers")
    for address in (page("user", "changelist"), page("user", "change", ada.pk),
                    page("group", "change", group.pk)):  # fmt: skip
        assert signed_in(ada).get(address).status_code == 200
    chief = signed_in(User.objects.create_superuser("chief"))
    assert chief.post(page("user", "change", ada.pk), RAISED).status_code == 302
    ada.refresh_from_db()
    assert ada.is_superuser


def test_nobody_deletes_the_account_they_are_signed_in_with() -> None:
    chief, eve = User.objects.create_superuser("chief"), User.objects.create_user("eve")
    client = Client()
    client.force_login(chief)
    gone = {"action": "delete_selected", "post": "yes", "_selected_action": [chief.pk, eve.pk]}
    assert client.post(page("user", "delete", chief.pk), {"post": "yes"}).status_code == 403
    assert client.post(page("user", "changelist"), gone).status_code < 500
    assert User.objects.filter(pk=chief.pk).exists()
    assert client.post(page("user", "delete", eve.pk), {"post": "yes"}).status_code == 302
    assert not User.objects.filter(pk=eve.pk).exists()
