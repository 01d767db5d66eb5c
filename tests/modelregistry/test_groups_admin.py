"""For which groups a model is, on its page in the admin."""

import pytest
from django.contrib.auth.models import Group, User
from django.contrib.messages import get_messages
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse

from modelregistry.models import RegisteredModel
from tests.modelregistry.trained import tree_version

pytestmark = [pytest.mark.django_db, pytest.mark.database]
LIST = reverse("admin:modelregistry_registeredmodel_changelist")


@pytest.fixture
def chief(client: Client) -> Client:
    client.force_login(User.objects.create_superuser("chief"))
    return client


@pytest.fixture
def plants() -> RegisteredModel:
    return tree_version("plants").model


@pytest.fixture
def botany() -> Group:
    return Group.objects.create(name="botany")


def page_of(model: RegisteredModel) -> str:
    return reverse("admin:modelregistry_registeredmodel_change", args=(model.pk,))


def saved(client: Client, model: RegisteredModel, **fields: object) -> HttpResponse:
    """The page's form as it is, with these fields said anew."""
    form = client.get(page_of(model)).context["adminform"].form
    given = {name: form[name].value() for name in form.fields}
    inlines = {
        f"{prefix}-{name}_FORMS": 0
        for prefix in ("versions", "changes")
        for name in ("TOTAL", "INITIAL")
    }
    body = {name: value for name, value in given.items() if value is not None}
    return client.post(page_of(model), {**body, **inlines, **fields})


def said(answer: HttpResponse) -> str:
    return " ".join(str(message) for message in get_messages(answer.wsgi_request))


def test_a_model_is_given_to_groups(chief: Client, plants: RegisteredModel, botany: Group) -> None:
    answer = saved(chief, plants, visibility="groups", groups=[botany.pk])
    assert answer.status_code == 302
    plants.refresh_from_db()
    assert (plants.visibility, list(plants.groups.all())) == ("groups", [botany])
    assert "No group is chosen" not in said(answer)
    assert "groups: botany" in chief.get(LIST).content.decode()
    assert "groups: botany" in chief.get("/admin/").content.decode()


def test_a_model_for_no_group_is_allowed_and_the_page_says_what_it_means(
    chief: Client, plants: RegisteredModel
) -> None:
    answer = saved(chief, plants, visibility="groups")
    assert "No group is chosen" in said(answer)
    assert "groups: none yet" in chief.get(LIST).content.decode()


def test_groups_that_would_not_count_are_refused(
    chief: Client, plants: RegisteredModel, botany: Group
) -> None:
    answer = saved(chief, plants, visibility="public", groups=[botany.pk])
    assert answer.status_code == 200
    assert "they would not count" in answer.content.decode()
    plants.refresh_from_db()
    assert (plants.visibility, plants.groups.count()) == ("signed-in", 0)


def test_the_list_is_narrowed_to_a_group(
    chief: Client, plants: RegisteredModel, botany: Group
) -> None:
    for name in ("open", "roses"):
        RegisteredModel.objects.create(name=name)
    saved(chief, plants, visibility="groups", groups=[botany.pk])
    RegisteredModel.objects.get(name="roses").groups.add(Group.objects.create(name="gardeners"))
    narrowed = chief.get(LIST, {"groups__id__exact": botany.pk}).context["cl"].queryset
    assert [model.name for model in narrowed] == ["plants"]
