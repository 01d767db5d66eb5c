"""Models in REST: made, changed and archived, by those who may, with bodies read strictly."""

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client

from modelregistry import services
from modelregistry.models import RegisteredModel, Revision
from tests.modelregistry.rest.conftest import Clerk
from tests.modelregistry.trained import tree_version

pytestmark = [pytest.mark.django_db, pytest.mark.database]
MODELS, PLANTS = "/api/v1/models/", "/api/v1/models/plants/"
JSON = "application/json"


SERVING = {
    "max_batch_rows": 256, "max_wait_ms": 0.0, "max_queue_rows": 4096, "deadline_ms": None,
    "cache_ttl_s": 0.0,
}  # fmt: skip


def test_a_model_is_made_and_shown_as_it_is(chief: Client) -> None:
    body = {"name": "plants", "description": "What grows.", "visibility": "public"}
    answer = chief.post(MODELS, body, JSON)
    assert (answer.status_code, answer["Location"]) == (201, PLANTS)
    assert answer.json() | {"created_at": None} == {
        **body, "task": "", "groups": [], "champion": None, "answering": None, "aliases": {},
        "tolerance": 1e-4, "allowed_mismatches": 0, "created_at": None, "serving": SERVING,
    }  # fmt: skip
    assert chief.get(PLANTS).json() == answer.json()


def test_only_the_name_is_needed(chief: Client) -> None:
    made = chief.post(MODELS, {"name": "plants"}, JSON).json()
    assert (made["description"], made["visibility"]) == ("", "signed-in")


def test_a_name_is_taken_once(chief: Client) -> None:
    chief.post(MODELS, {"name": "plants"}, JSON)
    answer = chief.post(MODELS, {"name": "plants", "description": "others"}, JSON)
    assert (answer.status_code, answer.json()["code"]) == (409, "model_exists")
    assert RegisteredModel.objects.get().description == ""


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ("{", 400, "malformed"),
        ('{"name": "a", "name": "b"}', 400, "malformed"),
        ('{"name": "Plants"}', 400, "invalid_name"),
        ('{"name": "../plants"}', 400, "invalid_name"),
        ('{"name": ""}', 400, "invalid_name"),
        ("{}", 422, "wrong_input"),
        ("[]", 422, "wrong_input"),
        ("null", 422, "wrong_input"),
        ('{"name": 7}', 422, "wrong_input"),
        ('{"name": "plants", "task": "regression"}', 422, "wrong_input"),
        ('{"name": "plants", "visibility": "secret"}', 422, "wrong_input"),
        ('{"name": "plants", "description": "a\\u0000b"}', 422, "wrong_input"),
        ('{"name": "plants", "description": null}', 422, "wrong_input"),
    ],
)
def test_a_body_that_does_not_fit_makes_nothing(
    chief: Client, body: str, status: int, code: str
) -> None:
    answer = chief.post(MODELS, body, JSON)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert not RegisteredModel.objects.exists()


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("{}", "This body does not fit: `name` is missing."),
        (
            '{"name": "plants", "secret": 1}',
            (
                "This body does not fit: there is a name too many; known are name, description, "
                "visibility, groups."
            ),
        ),
        (
            '{"name": "plants", "description": "\\u0000"}',
            "This body does not fit: a text holds a NUL character at `$.description`.",
        ),
    ],
)
def test_a_refusal_says_what_is_wrong(chief: Client, body: str, said: str) -> None:
    assert chief.post(MODELS, body, JSON).json()["detail"] == said


@pytest.mark.parametrize(
    ("serving", "said"),
    [
        (
            {"bogus": 1},
            (
                "This body does not fit: there is a name too many at `$.serving`; known are "
                "max_batch_rows, max_wait_ms, max_queue_rows, deadline_ms, cache_ttl_s."
            ),
        ),
        (
            {"max_wait_ms": 250, "deadline_ms": 250},
            "deadline_ms: It must be longer than max_wait_ms, which rows wait for others.",
        ),
    ],
)
def test_a_refused_setting_names_those_that_there_are(
    chief: Client, serving: dict[str, int], said: str
) -> None:
    services.create_model(name="plants", task="regression")
    assert chief.patch(PLANTS, {"serving": serving}, JSON).json()["detail"] == said


def test_what_is_said_of_a_model_can_be_changed_and_the_rest_stays(chief: Client) -> None:
    services.create_model(name="plants", task="regression", description="old")
    revision = Revision.objects.current()
    changed = {"visibility": "public", "tolerance": 0.01, "allowed_mismatches": 2}
    answer = chief.patch(PLANTS, changed, JSON)
    assert answer.status_code == 200
    assert answer.json().items() >= {**changed, "description": "old"}.items()
    assert chief.get(PLANTS).json() == answer.json()
    assert Revision.objects.current() != revision
    assert chief.patch(PLANTS, {"description": ""}, JSON).json()["description"] == ""
    assert chief.patch(PLANTS, {}, JSON).status_code == 200


def test_how_callers_are_served_is_changed_by_the_setting(chief: Client) -> None:
    services.create_model(name="plants", task="regression")
    revision = Revision.objects.current()
    changed = {"max_batch_rows": 8, "deadline_ms": 250, "cache_ttl_s": 0.5}
    answer = chief.patch(PLANTS, {"serving": changed}, JSON)
    assert (answer.status_code, answer.json()["serving"]) == (200, SERVING | changed)
    assert Revision.objects.current() != revision
    answer = chief.patch(PLANTS, {"serving": {"deadline_ms": None, "max_wait_ms": 2}}, JSON)
    served = {"max_batch_rows": 8, "max_wait_ms": 2.0, "cache_ttl_s": 0.5}
    assert answer.json()["serving"] == chief.get(PLANTS).json()["serving"] == SERVING | served


@pytest.mark.parametrize(
    "body",
    [
        {"name": "others"},
        {"task": "classification"},
        {"visibility": "secret"},
        {"groups": ["botany"]},
        {"visibility": None},
        {"tolerance": -1},
        {"tolerance": 1.5},
        {"tolerance": True},
        {"tolerance": "0.1"},
        {"allowed_mismatches": -1},
        {"allowed_mismatches": 1.5},
        {"allowed_mismatches": 2**31},
        {"description": "x" * 10_001},
        {"serving": None},
        {"serving": {"max_batch_rows": 0}},
        {"serving": {"max_batch_rows": 65_537}},
        {"serving": {"max_batch_rows": None}},
        {"serving": {"max_wait_ms": -0.1}},
        {"serving": {"max_wait_ms": 1000.1}},
        {"serving": {"max_queue_rows": 0}},
        {"serving": {"max_queue_rows": 1.5}},
        {"serving": {"deadline_ms": 0}},
        {"serving": {"deadline_ms": 86_400_001}},
        {"serving": {"max_batch": 1}},
        {"serving": {"cache_ttl_s": -1}},
        {"serving": {"cache_ttl_s": 86_400.5}},
        {"serving": {"cache_ttl_s": None}},
        {"serving": {"max_wait_ms": 250, "deadline_ms": 250}},
        {"max_batch_rows": 1},
    ],
)
def test_a_change_that_does_not_fit_changes_nothing(chief: Client, body: dict[str, object]) -> None:
    services.create_model(name="plants", task="regression")
    before = chief.get(PLANTS).json()
    answer = chief.patch(PLANTS, body, JSON)
    assert (answer.status_code, answer.json()["code"]) == (422, "wrong_input")
    assert chief.get(PLANTS).json() == before


def test_an_archived_model_is_listed_no_more_but_can_be_read(chief: Client) -> None:
    tree_version()
    answer = chief.delete(PLANTS)
    assert (answer.status_code, answer.content) == (204, b"")
    assert chief.get(MODELS).json()["results"] == []
    assert chief.get(PLANTS).status_code == 200
    assert chief.delete(PLANTS).status_code == 204
    refused = chief.put(f"{PLANTS}aliases/champion/", {"version": 1}, JSON)
    assert (refused.status_code, refused.json()["code"]) == (409, "not_promotable")
    assert "archived" in refused.json()["detail"]


def test_a_model_that_serves_is_not_archived(chief: Client) -> None:
    services.promote(version=tree_version())
    answer = chief.delete(PLANTS)
    assert (answer.status_code, answer.json()["code"]) == (409, "still_serving")
    assert answer.json()["detail"] == "The model plants serves: version 1 answers."
    assert chief.get(PLANTS).json()["champion"] == 1


@pytest.mark.parametrize("method", ["patch", "delete"])
def test_a_model_that_is_not_there_is_404(chief: Client, method: str) -> None:
    answer = getattr(chief, method)(PLANTS, {}, JSON)
    assert (answer.status_code, answer.json()["code"]) == (404, "unknown_model")


@pytest.mark.parametrize(
    ("method", "path", "body", "permission", "status"),
    [
        ("post", MODELS, {"name": "others"}, "add_registeredmodel", 201),
        ("patch", PLANTS, {"description": "new"}, "change_registeredmodel", 200),
        ("delete", PLANTS, {}, "delete_registeredmodel", 204),
    ],
)
def test_each_change_needs_the_permission_that_the_admin_asks_for(
    clerk: Clerk, method: str, path: str, body: object, permission: str, status: int
) -> None:
    tree_version()
    others = {"add_registeredmodel", "change_registeredmodel", "delete_registeredmodel"}
    client = clerk(*others - {permission})
    refused = getattr(client, method)(path, body, JSON)
    assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")
    assert client.get(path).status_code == 200
    allowed(client, permission)
    assert getattr(client, method)(path, body, JSON).status_code == status


def allowed(client: Client, permission: str) -> None:
    user = User.objects.get(username="clerk")
    user.user_permissions.set([Permission.objects.get(codename=permission)])
