"""The admin's page of two versions side by side, and the button that has a worker ask both."""

import html
import re

import pytest
from django.contrib.auth.models import Permission, User
from django.contrib.messages import get_messages
from django.test import Client
from django.urls import reverse

from jobs import execution
from jobs.kinds import find
from jobs.models import Job
from modelregistry import services
from modelregistry.models import ModelVersion
from tests.modelregistry.trained import centroid_version, tree_version

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.database]


@pytest.fixture
def chief(client: Client) -> Client:
    client.force_login(User.objects.create_superuser("chief"))
    return client


def page(version: ModelVersion, query: str = "") -> str:
    name = "admin:modelregistry_registeredmodel_compare_versions"
    return reverse(name, args=(version.model_id,)) + query


def seen(client: Client, address: str) -> str:
    answer = client.get(address)
    assert answer.status_code == 200
    without_head = answer.content.decode().partition("<body")[2]
    return html.unescape(" ".join(re.sub(r"<[^>]+>", " ", without_head).split()))


def chosen(client: Client, address: str) -> list[str]:
    """The numbers of the versions that the form shows."""
    text = client.get(address).content.decode()
    return re.findall(r'<option value="(\d+)" selected', text)


def clerk(*permissions: str) -> Client:
    user = User.objects.create_user("clerk", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    client = Client()
    client.force_login(user)
    return client


def test_a_models_page_leads_to_it(chief: Client) -> None:
    version = tree_version()
    model = reverse("admin:modelregistry_registeredmodel_change", args=(version.model_id,))
    assert f'href="{page(version)}"' in chief.get(model).content.decode()
    assert page(version).endswith(f"/registeredmodel/{version.model_id}/compare/")


def test_the_champion_and_the_newest_are_shown_first(chief: Client) -> None:
    services.promote(version=tree_version(depth=1))
    tree_version(depth=2)
    last = centroid_version()
    shown = seen(chief, page(last))
    assert chosen(chief, page(last)) == ["1", "3"]
    assert "version 1, champion" in shown
    assert "Runtime ONNX Runtime scikit-learn" in shown
    assert "Parity with its source match over 150 rows not compared" in shown
    assert "Compare their answers" in shown


def test_any_other_two_can_be_chosen(chief: Client) -> None:
    version = tree_version(depth=1)
    tree_version(depth=2)
    tree_version(depth=3)
    assert chosen(chief, page(version, "?a=2&b=1")) == ["2", "1"]


@pytest.mark.parametrize("query", ["?a=7&b=1", "?a=x&b=1", "?a=1&b=", "?a=-1&b=99999999999999"])
def test_versions_that_there_are_not_are_told_beside_the_form(chief: Client, query: str) -> None:
    version = tree_version(depth=1)
    tree_version(depth=2)
    answer = chief.get(page(version, query))
    assert answer.status_code == 200
    assert 'role="alert"' in answer.content.decode()
    assert "Compare their answers" not in answer.content.decode()


def test_a_model_with_one_version_says_what_is_missing(chief: Client) -> None:
    shown = seen(chief, page(tree_version()))
    assert "Only version 1 of plants is ready, and it takes two to compare." in shown
    assert "manage.py register_model FILE --model plants" in shown
    assert "Compare their answers" not in shown


def test_a_model_without_a_version_that_is_ready_says_so(chief: Client) -> None:
    version = tree_version()
    ModelVersion.objects.update(state="rejected")
    assert "No version of plants is ready." in seen(chief, page(version))


def test_one_version_beside_itself_has_no_button_and_says_why(chief: Client) -> None:
    version = tree_version(depth=1)
    tree_version(depth=2)
    shown = seen(chief, page(version, "?a=1&b=1"))
    assert "Name two versions that differ" in shown
    assert "Compare their answers" not in shown


def test_the_button_starts_the_job_and_opens_its_page(chief: Client) -> None:
    version = tree_version(depth=1)
    tree_version(depth=2)
    answer = chief.post(page(version), {"a": "1", "b": "2"})
    job = Job.objects.get()
    assert (job.kind, job.params) == (
        "compare_versions_task",
        {"model": "plants", "a": 1, "b": 2},
    )
    assert (job.owner.username, job.origin) == ("chief", "admin")
    assert answer["Location"] == reverse("admin:jobs_job_change", args=(job.pk,))
    assert f'href="{answer["Location"]}"' in chief.get(page(version, "?a=1&b=2")).content.decode()
    assert "Compared before" not in seen(chief, page(version, "?a=2&b=1"))


@pytest.mark.parametrize("form", [{}, {"a": "1", "b": "1"}, {"a": "1", "b": "9"}, {"a": "\u00b2"}])
def test_what_is_refused_leads_back_and_says_why(chief: Client, form: dict[str, str]) -> None:
    version = tree_version(depth=1)
    tree_version(depth=2)
    answer = chief.post(page(version), form)
    assert answer.status_code == 302
    assert answer["Location"].startswith(page(version))
    assert [str(message) for message in get_messages(answer.wsgi_request)] != []
    assert not Job.objects.exists()


def test_it_takes_permission_to_view_models_and_versions() -> None:
    version = tree_version(depth=1)
    tree_version(depth=2)
    allowed = clerk("view_registeredmodel", "view_modelversion")
    assert allowed.get(page(version)).status_code == 200
    assert allowed.post(page(version), {"a": "1", "b": "2"}).status_code == 302
    job_page = reverse("admin:jobs_job_change", args=(Job.objects.get().pk,))
    assert allowed.get(job_page).status_code == 200
    User.objects.get(username="clerk").user_permissions.set(
        Permission.objects.filter(codename="view_registeredmodel")
    )
    refused = Client()
    refused.force_login(User.objects.get(username="clerk"))
    assert refused.get(page(version)).status_code == 403
    assert refused.post(page(version), {"a": "1", "b": "2"}).status_code == 403
    assert Job.objects.count() == 1


def test_there_is_no_page_for_a_model_that_there_is_not(chief: Client) -> None:
    version = tree_version()
    address = page(version).replace(f"/{version.model_id}/", "/4711/")
    assert chief.get(address).status_code == 404


@pytest.mark.django_db(transaction=True)
def test_the_jobs_page_shows_what_came_of_it(chief: Client) -> None:
    version = tree_version(depth=1)
    tree_version(depth=2)
    address = chief.post(page(version), {"a": "1", "b": "2"})["Location"]
    job = Job.objects.get()
    assert execution.run(job, find(job.kind), worker="here:1")
    shown = seen(chief, address)
    assert "Answered alike 104 of 150 rows, 69.33 %" in shown
    assert "Both were asked the sample rows of versions 1 and 2: 150." in shown
    assert "Version 1 may have been fitted on 150 of these 150 rows" in shown
    assert "Accuracy 0.6667 0.96" in shown
    assert re.search(r"1,024 rows take [\d.]+ [mµ]s [\d.]+ [mµ]s", shown)
    assert "0 1 2 0 50 0 0 1 0 54 46 2 0 0 0" in shown
    assert "Both right 99 Only version 1 right 1 Only version 2 right 45 Both wrong 5" in shown
    assert "Rows they disagree on most Row Version 1 Version 2 Target Of probabilities x0" in shown
    assert f'href="{html.escape(page(version, "?a=1&b=2"))}"' in chief.get(address).content.decode()


@pytest.mark.django_db(transaction=True)
def test_versions_that_answer_alike_have_no_row_to_show(chief: Client) -> None:
    version = tree_version(depth=2)
    tree_version(depth=2)
    address = chief.post(page(version), {"a": "1", "b": "2"})["Location"]
    job = Job.objects.get()
    assert execution.run(job, find(job.kind), worker="here:1")
    shown = seen(chief, address)
    assert "Answered alike 150 of 150 rows, 100 %" in shown
    assert "There is no row that they answer differently." in shown
