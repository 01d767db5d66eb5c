"""The admin's buttons that move aliases: what they say, and who sees them."""

import pytest
from django.contrib.auth.models import Permission, User
from django.contrib.messages import get_messages
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse

from modelregistry import services
from modelregistry.models import Alias, AliasChange, ModelVersion
from tests.modelregistry.trained import tree_version

pytestmark = [pytest.mark.django_db, pytest.mark.database]
SUBMITTED = {"_form_submitted": "on"}


@pytest.fixture
def chief(client: Client) -> Client:
    client.force_login(User.objects.create_superuser("chief"))
    return client


@pytest.fixture
def two() -> list[ModelVersion]:
    """Both have been champion, the second one still is."""
    versions = [tree_version(depth=depth) for depth in (1, 2)]
    for version in versions:
        services.promote(version=version)
    return versions


def model_page(version: ModelVersion) -> str:
    return reverse("admin:modelregistry_registeredmodel_change", args=(version.model_id,))


def rollback(version: ModelVersion) -> str:
    name = "admin:modelregistry_registeredmodel_rollback_model"
    return reverse(name, args=(version.model_id,))


def version_page(version: ModelVersion) -> str:
    return reverse("admin:modelregistry_modelversion_change", args=(version.pk,))


def act(version: ModelVersion, action: str) -> str:
    return reverse(f"admin:modelregistry_modelversion_{action}_alias", args=(version.pk,))


def said(answer: HttpResponse) -> list[str]:
    return [str(message) for message in get_messages(answer.wsgi_request)]


def html(client: Client, address: str) -> str:
    answer = client.get(address)
    assert answer.status_code == 200
    return answer.content.decode()


def test_roll_back_says_what_it_did(chief: Client, two: list[ModelVersion]) -> None:
    answer = chief.post(rollback(two[0]), {**SUBMITTED, "reason": "it drifts"})
    assert (answer.status_code, answer["Location"]) == (302, model_page(two[0]))
    assert said(answer) == ["plants:1 serves again; before, plants:2 did."]
    change = AliasChange.objects.head(two[0].model_id, "champion")
    assert change is not None
    assert (change.actor.username, change.reason) == ("chief", "it drifts")  # type: ignore[union-attr]


def test_the_dialog_says_where_it_leads_and_changes_nothing(
    chief: Client, two: list[ModelVersion]
) -> None:
    shown = html(chief, rollback(two[0]))
    assert "Version 2 serves now; version 1 will serve again." in shown
    assert Alias.objects.get().version == two[1]


def test_the_dialog_says_why_it_leads_nowhere(chief: Client, two: list[ModelVersion]) -> None:
    ModelVersion.objects.filter(number=1).update(state="broken")
    shown = html(chief, rollback(two[0]))
    assert "There is nothing before plants:2 to go back to." in shown
    assert said(chief.post(rollback(two[0]), SUBMITTED)) == [
        (
            "There is nothing before plants:2 to go back to. plants:1 cannot serve: it is broken, "
            "not ready."
        )
    ]


def test_without_anything_before_there_is_no_button(chief: Client) -> None:
    version = tree_version()
    assert rollback(version) not in html(chief, model_page(version))
    services.promote(version=version)
    assert rollback(version) not in html(chief, model_page(version))


def test_the_dialog_of_no_model_is_404(chief: Client) -> None:
    address = reverse("admin:modelregistry_registeredmodel_rollback_model", args=(999,))
    assert chief.get(address).status_code == 404
    assert chief.post(address, SUBMITTED).status_code == 404


@pytest.mark.parametrize(
    ("alias", "words"),
    [
        ("challenger", "plants@challenger points to version 1 now."),
        ("champion", "plants:1 serves now."),
    ],
)
def test_an_alias_is_pointed_to_a_version(
    chief: Client, two: list[ModelVersion], alias: str, words: str
) -> None:
    answer = chief.post(act(two[0], "point"), {**SUBMITTED, "alias": alias, "reason": "try"})
    assert (answer.status_code, answer["Location"]) == (302, version_page(two[0]))
    assert said(answer) == [words]
    assert Alias.objects.get(name=alias).version == two[0]
    assert AliasChange.objects.first().reason == "try"  # type: ignore[union-attr]
    assert alias in html(chief, version_page(two[0]))
    assert ("challenger: version 1" in html(chief, model_page(two[0]))) == (alias != "champion")


@pytest.mark.parametrize("alias", ["", "7", "Big Name"])
def test_a_name_that_is_none_is_said_in_the_dialog(
    chief: Client, two: list[ModelVersion], alias: str
) -> None:
    answer = chief.post(act(two[0], "point"), {**SUBMITTED, "alias": alias})
    assert answer.status_code == 200
    assert ("An alias has" if alias else "This field is required") in answer.content.decode()
    assert Alias.objects.count() == 1


def test_an_alias_is_taken_away(chief: Client, two: list[ModelVersion]) -> None:
    services.move_alias(version=two[0], alias="challenger")
    answer = chief.post(act(two[0], "take"), {**SUBMITTED, "alias": "challenger"})
    assert said(answer) == ["plants@challenger is taken away."]
    assert [alias.name for alias in Alias.objects.all()] == ["champion"]


def test_the_champion_is_not_among_those_that_can_be_taken_away(
    chief: Client, two: list[ModelVersion]
) -> None:
    assert act(two[1], "take") not in html(chief, version_page(two[1]))
    answer = chief.post(act(two[1], "take"), {**SUBMITTED, "alias": "champion"})
    assert answer.status_code == 200
    assert Alias.objects.get().name == "champion"


def test_what_is_not_ready_gets_no_alias(chief: Client, two: list[ModelVersion]) -> None:
    ModelVersion.objects.filter(number=1).update(state="broken")
    assert act(two[0], "point") not in html(chief, version_page(two[0]))
    answer = chief.post(act(two[0], "point"), {**SUBMITTED, "alias": "challenger"})
    assert said(answer) == ["plants:1 cannot serve: it is broken, not ready."]


def test_a_reason_is_as_long_as_in_rest_at_most(chief: Client, two: list[ModelVersion]) -> None:
    promote = reverse("admin:modelregistry_modelversion_promote_version", args=(two[0].pk,))
    services.move_alias(version=two[0], alias="challenger")
    lines = AliasChange.objects.count()
    for address in (rollback(two[0]), promote, act(two[0], "point"), act(two[0], "take")):
        asked = {**SUBMITTED, "alias": "challenger", "reason": "x" * 10_001}
        answer = chief.post(address, asked)
        assert answer.status_code == 200
        assert "at most 10000 characters" in answer.content.decode()
    assert AliasChange.objects.count() == lines


def test_history_shows_what_was_taken_away(chief: Client, two: list[ModelVersion]) -> None:
    services.move_alias(version=two[0], alias="challenger")
    services.remove_alias(model=two[0].model, alias="challenger", reason="the trial is over")
    for address in (model_page(two[0]), reverse("admin:modelregistry_aliaschange_changelist")):
        assert "the trial is over" in html(chief, address)


def test_without_the_permission_no_button_works(two: list[ModelVersion]) -> None:
    services.move_alias(version=two[0], alias="challenger")
    user = User.objects.create_user("clerk", is_staff=True)
    names = ("view_registeredmodel", "view_modelversion", "change_registeredmodel")
    user.user_permissions.set(Permission.objects.filter(codename__in=names))
    clerk = Client()
    clerk.force_login(user)
    for address in (rollback(two[0]), act(two[0], "point"), act(two[0], "take")):
        assert clerk.post(address, {**SUBMITTED, "alias": "x"}).status_code == 403
        for page in (model_page(two[0]), version_page(two[0])):
            assert address not in html(clerk, page)
    assert AliasChange.objects.count() == 3
