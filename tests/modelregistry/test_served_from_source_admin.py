"""What the admin says of versions that serve from their source: no ONNX form answers as it does."""

import re

import pytest
from django.contrib.auth.models import User
from django.test import Client

from modelregistry.models import ModelVersion
from tests.modelregistry.test_admin import VERSIONS, detail, page, text
from tests.modelregistry.trained import centroid_version, tree_version

pytestmark = [pytest.mark.django_db, pytest.mark.database]
RED = "bg-red-100"


@pytest.fixture
def chief(client: Client) -> Client:
    client.force_login(User.objects.create_superuser("chief"))
    return client


def unlike(version: ModelVersion, runtime: str) -> ModelVersion:
    """One whose ONNX form answered otherwise."""
    facts = {"runtime": runtime, "parity": version.parity | {"status": "mismatch"}}
    ModelVersion.objects.filter(pk=version.pk).update(reason="It was compared.", **facts)
    version.refresh_from_db()
    return version


def parity_cell(html: str) -> str:
    found = re.search(r"<td[^>]*field-parity_shown.*?</td>", html, re.DOTALL)
    assert found is not None
    return found[0]


def test_a_form_that_was_left_out_is_no_alarm(chief: Client) -> None:
    unlike(tree_version(), "sklearn")
    cell = parity_cell(page(chief, VERSIONS))
    assert "mismatch serves its source" in text(cell)
    assert RED not in cell


def test_a_form_that_serves_and_answers_otherwise_is_one(chief: Client) -> None:
    unlike(tree_version(), "onnx")
    cell = parity_cell(page(chief, VERSIONS))
    assert "serves its source" not in text(cell)
    assert RED in cell


def test_where_no_form_could_be_made_it_says_what_helps(chief: Client) -> None:
    shown = text(page(chief, detail(centroid_version())))
    assert "leave it so; otherwise train it without the step that has no counterpart" in shown


def test_where_a_form_answers_otherwise_it_says_what_to_try(chief: Client) -> None:
    version = unlike(tree_version(), "sklearn")
    address = detail(version)
    tries = "otherwise press Convert and choose another precision, "
    assert f"{tries}or allow a larger tolerance" in text(page(chief, address))
    ModelVersion.objects.update(samples_sha256="")
    assert f"{tries}hand it in again with sample rows, or" in text(page(chief, address))
