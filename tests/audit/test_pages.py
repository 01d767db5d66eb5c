"""The trail in the admin: read by those who may, changed and deleted by nobody."""

from io import StringIO

import pytest
from auditlog.models import LogEntry
from django.contrib.auth.models import User
from django.core.management import call_command
from django.test import Client
from django.urls import reverse

from mlapi.models import ApiKey
from modelregistry import services
from modelregistry.models import RegisteredModel
from tests.jobs_surface.rows import person, signed_in

pytestmark = [pytest.mark.django_db, pytest.mark.database]
LIST = reverse("admin:auditlog_logentry_changelist")


@pytest.fixture
def chief(client: Client) -> Client:
    client.force_login(User.objects.create_superuser("chief"))
    return client


@pytest.fixture
def model() -> RegisteredModel:
    return services.create_model(name="plants", task="")


def test_a_superuser_reads_it_and_can_change_add_and_delete_nothing(
    chief: Client, model: RegisteredModel
) -> None:
    entry = LogEntry.objects.get(object_repr="plants")
    page = reverse("admin:auditlog_logentry_change", args=[entry.pk])
    assert chief.get(LIST).status_code == chief.get(page).status_code == 200
    before = LogEntry.objects.count()
    assert chief.post(page, {"object_repr": "trees"}).status_code == 403
    assert chief.post(page.replace("change", "delete"), {"post": "yes"}).status_code == 403
    assert chief.post(reverse("admin:auditlog_logentry_add"), {}).status_code == 403
    chosen = {"action": "delete_selected", "_selected_action": [entry.pk], "post": "yes"}
    chief.post(LIST, chosen)
    assert LogEntry.objects.count() == before
    entry.refresh_from_db()
    assert entry.object_repr == "plants"


def test_only_who_may_view_it_does(model: RegisteredModel) -> None:
    """It names models whomever they are for: reading it takes seeing them all."""
    entry = LogEntry.objects.get(object_repr="plants")
    page = reverse("admin:auditlog_logentry_change", args=[entry.pk])
    history = reverse("admin:modelregistry_registeredmodel_history", args=[model.pk])
    for name, words, may in (
        ("eve", (), False),
        ("bob", ("view_logentry",), False),
        ("ada", ("view_logentry", "view_all_models"), True),
    ):
        client = signed_in(person(name, "view_registeredmodel", *words))
        assert [client.get(each).status_code for each in (LIST, page)] == [200 if may else 403] * 2
        for shown in (reverse("admin:index"), history):
            assert (LIST in client.get(shown).content.decode()) is may


def test_it_says_who_what_which_and_from_where(chief: Client, model: RegisteredModel) -> None:
    shown = chief.get(LIST).content.decode()
    for words in ("created", "model", "plants", "command"):
        assert words in shown
    entry = LogEntry.objects.get(object_repr="plants")
    page = chief.get(reverse("admin:auditlog_logentry_change", args=[entry.pk]))
    assert "name: plants" in page.content.decode()
    for query, count in (({"q": "plants", "action__exact": "0"}, 1), ({"q": "nothing"}, 0)):
        assert chief.get(LIST, query).context["cl"].queryset.count() == count


def test_an_objects_history_leads_to_its_entries(chief: Client, model: RegisteredModel) -> None:
    services.create_model(name="trees", task="")
    key, _ = ApiKey.objects.create(User.objects.get(username="chief"), name="nightly")
    for view, pk, name in (
        ("modelregistry_registeredmodel", model.pk, "plants"),
        ("mlapi_apikey", key.pk, "nightly"),
    ):
        history = chief.get(reverse(f"admin:{view}_history", args=[pk])).content.decode()
        link = next(word for word in history.split('"') if word.startswith(f"{LIST}?"))
        answer = chief.get(link.replace("&amp;", "&"))
        assert [name in each.object_repr for each in answer.context["cl"].queryset] == [True]


def test_deleting_somebody_keeps_what_they_did(chief: Client) -> None:
    eve = person("eve", "add_registeredmodel", "view_registeredmodel")
    add = reverse("admin:modelregistry_registeredmodel_add")
    LogEntry.objects.create(
        content_type=LogEntry.objects.get(object_repr="eve", action=0).content_type,
        object_pk="1", object_repr="something", action=1, actor=eve, actor_email="eve@example.org",
    )  # fmt: skip
    assert add
    chief.post(reverse("admin:auth_user_delete", args=[eve.pk]), {"post": "yes"})
    assert not User.objects.filter(username="eve").exists()
    assert LogEntry.objects.get(object_repr="something").actor_email == "eve@example.org"


def test_the_operator_can_empty_it(model: RegisteredModel) -> None:
    call_command("auditlogflush", "--yes", stdout=StringIO())
    assert not LogEntry.objects.exists()
