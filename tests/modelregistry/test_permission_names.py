"""Permissions are named in one place, and each of them is there to be granted."""

import re

import pytest
from django.contrib.auth.models import Permission

from modelregistry import permissions
from tests.running import BASE_DIR

NAMES = {value for name, value in vars(permissions).items() if name.isupper()}
ASKED_FOR = re.compile(r"""["']modelregistry\.[a-z]+_(?:registeredmodel|modelversion)["']""")


@pytest.mark.django_db
def test_each_can_be_granted() -> None:
    there = Permission.objects.filter(content_type__app_label="modelregistry")
    assert {f"modelregistry.{permission.codename}" for permission in there} >= NAMES


def test_no_other_file_spells_one() -> None:
    spelt = [
        path
        for app in ("mlapi", "predictions", "modelregistry", "jobs")
        for path in (BASE_DIR / app).rglob("*.py")
        if ASKED_FOR.search(path.read_text()) and "migrations" not in path.parts
    ]
    assert spelt == [BASE_DIR / "modelregistry" / "permissions.py"]
