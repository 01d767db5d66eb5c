"""For which groups a model is, in REST: said and read by name, and nothing that does not fit."""

import pytest
from django.contrib.auth.models import Group, Permission, User
from django.test import Client

from modelregistry.models import RegisteredModel, Revision

pytestmark = [pytest.mark.django_db, pytest.mark.database]
MODELS, PLANTS = "/api/v1/models/", "/api/v1/models/plants/"
JSON = "application/json"


@pytest.fixture(autouse=True)
def groups() -> None:
    for name in ("botany", "chemistry"):
        Group.objects.create(name=name)


def said(answer: object) -> tuple[str, list[str]]:
    body = answer.json()  # type: ignore[attr-defined]
    return body["visibility"], body["groups"]


def test_a_model_is_made_for_groups(chief: Client) -> None:
    body = {"name": "plants", "visibility": "groups", "groups": ["chemistry", "botany"]}
    answer = chief.post(MODELS, body, JSON)
    assert (answer.status_code, said(answer)) == (201, ("groups", ["botany", "chemistry"]))
    assert said(chief.get(PLANTS)) == ("groups", ["botany", "chemistry"])
    (listed,) = chief.get(MODELS).json()["results"]
    assert listed["groups"] == ["botany", "chemistry"]


def test_groups_are_exchanged_and_left_as_they_are(chief: Client) -> None:
    chief.post(MODELS, {"name": "plants"}, JSON)
    for body, expected in (
        ({"visibility": "groups", "groups": ["botany"]}, ("groups", ["botany"])),
        ({"description": "What grows."}, ("groups", ["botany"])),
        ({"groups": ["chemistry"]}, ("groups", ["chemistry"])),
        ({"groups": []}, ("groups", [])),
        ({"groups": ["botany"]}, ("groups", ["botany"])),
        ({"visibility": "signed-in"}, ("signed-in", [])),
        ({"visibility": "groups"}, ("groups", [])),  # who was let in once is not let in again
    ):
        answer = chief.patch(PLANTS, body, JSON)
        assert (answer.status_code, said(answer)) == (200, expected), body


@pytest.mark.parametrize(
    "body",
    [
        {"visibility": "groups", "groups": ["botany", "nonsense"]},
        {"visibility": "signed-in", "groups": ["botany"]},
        {"visibility": "public", "groups": []},
        {"groups": ["botany"]},
        {"visibility": "groups", "groups": "botany"},
        {"visibility": "groups", "groups": [1]},
        {"visibility": "groups", "groups": None},
    ],
)
def test_groups_that_do_not_fit_make_and_change_nothing(
    chief: Client, body: dict[str, object]
) -> None:
    answer = chief.post(MODELS, {"name": "plants", **body}, JSON)
    assert (answer.status_code, answer.json()["code"]) == (422, "wrong_input")
    assert not RegisteredModel.objects.exists()
    chief.post(MODELS, {"name": "plants"}, JSON)
    assert chief.patch(PLANTS, body, JSON).status_code == 422
    assert said(chief.get(PLANTS)) == ("signed-in", [])


def test_processes_that_serve_hear_of_it(chief: Client) -> None:
    chief.post(MODELS, {"name": "plants", "visibility": "groups"}, JSON)
    before = Revision.objects.current()
    chief.patch(PLANTS, {"groups": ["botany"]}, JSON)
    assert Revision.objects.current() != before


def test_whoever_shuts_themselves_out_hears_what_they_did_and_sees_it_no_more(
    chief: Client,
) -> None:
    chief.post(MODELS, {"name": "plants"}, JSON)
    User.objects.update(is_superuser=False)
    chief_user = User.objects.get()
    chief_user.user_permissions.set(Permission.objects.filter(codename="change_registeredmodel"))
    User.objects.update(is_staff=True)
    answer = chief.patch(PLANTS, {"visibility": "groups", "groups": ["botany"]}, JSON)
    assert (answer.status_code, said(answer)) == (200, ("groups", ["botany"]))
    assert chief.get(PLANTS).status_code == 404
