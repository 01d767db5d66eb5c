"""The way to a page, at its head: every step leads somewhere else, and none is missing."""

import re

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from jobs.services import submit
from tests.modelregistry.test_admin import MODELS, VERSIONS, detail, page
from tests.modelregistry.trained import tree_version

pytestmark = [pytest.mark.django_db, pytest.mark.database]
REGISTRY = "/admin/modelregistry/"


@pytest.fixture
def chief(client: Client) -> Client:
    client.force_login(User.objects.create_superuser("chief"))
    return client


def way(client: Client, address: str) -> list[str]:
    """Where the steps lead; empty for one that is the page itself."""
    head = re.search(r"<h1[^>]*>(.*?)</h1>", page(client, address), re.DOTALL)
    assert head is not None
    return re.findall(r'<a href="([^"]+)"', head[1])


def test_pages_of_a_version_and_a_model_lead_up(chief: Client) -> None:
    version = tree_version()
    model = reverse("admin:modelregistry_registeredmodel_change", args=(version.model_id,))
    report = detail(version).replace("/change/", "/report/")
    hand_in = model.replace("/change/", "/hand-in/")

    assert way(chief, report) == [REGISTRY, VERSIONS, detail(version)]
    assert way(chief, hand_in) == [REGISTRY, MODELS, model]


def test_no_step_leads_to_the_page_one_is_on(chief: Client) -> None:
    version = tree_version()
    assert way(chief, detail(version)) == [REGISTRY, VERSIONS]
    assert way(chief, VERSIONS) == [REGISTRY]
    assert way(chief, f"{VERSIONS}?q=plants") == [REGISTRY, VERSIONS]  # without the search


def test_no_step_leads_to_a_list_of_one_list(chief: Client) -> None:
    job = submit(kind="retrain_model_task", params={"model": str(tree_version().model)})
    jobs = reverse("admin:jobs_job_changelist")
    assert way(chief, jobs) == []
    assert way(chief, reverse("admin:jobs_job_change", args=(job.pk,))) == [jobs]
