"""The files of a version are had from its page in the admin."""

import re
from hashlib import sha256

import pytest
from django.contrib.auth.models import User
from django.test import Client

from modelregistry.models import ModelVersion
from tests.modelregistry.test_admin import detail, page, signed_in, text
from tests.modelregistry.trained import centroid_version, onnx_version, tree_version

pytestmark = [pytest.mark.django_db, pytest.mark.database]


def links(client: Client, version: ModelVersion) -> dict[str, str]:
    """Address by form."""
    found = re.findall(r'href="([^"]+/download\?format=(\w+))"', page(client, detail(version)))
    return {form: address for address, form in found}


@pytest.mark.parametrize(("form", "suffix"), [("source", "skops"), ("onnx", "onnx")])
def test_who_may_see_a_version_has_its_files_from_its_page(form: str, suffix: str) -> None:
    staff, version = signed_in(), tree_version()

    answer = staff.get(links(staff, version)[form])

    content = b"".join(answer)  # type: ignore[arg-type]  # it streams
    assert sha256(content).hexdigest() in page(staff, detail(version))
    assert answer["Content-Disposition"] == f'attachment; filename="plants-1.{suffix}"'
    assert answer["Content-Type"] == "application/octet-stream"
    assert answer["X-Content-Type-Options"] == "nosniff"


def test_a_form_that_there_is_not_has_no_link() -> None:
    staff = signed_in()
    assert list(links(staff, centroid_version("stays"))) == ["source"]
    assert list(links(staff, onnx_version())) == ["source", "onnx"]


@pytest.mark.parametrize("state", ["pending", "validating", "converting", "rejected", "broken"])
def test_a_file_that_is_given_to_nobody_has_no_link(state: str) -> None:
    staff, version = signed_in(), tree_version()
    ModelVersion.objects.update(state=state)
    assert version.source_sha256 in text(page(staff, detail(version)))
    assert links(staff, version) == {}


def test_who_may_not_see_versions_gets_no_source_by_its_address() -> None:
    version = tree_version()
    address = links(signed_in(), version)["source"]
    other = Client()
    other.force_login(User.objects.create_user("guest", is_staff=True))
    assert other.get(address).status_code in (403, 404)
    assert Client().get(address).status_code == 401
