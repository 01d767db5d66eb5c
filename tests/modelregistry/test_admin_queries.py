"""Pages of the registry's admin ask the database as often for many rows as for few."""

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from modelregistry import services
from tests.modelregistry.test_admin import HISTORY, MODELS, VERSIONS, page
from tests.modelregistry.trained import tree_version

pytestmark = [pytest.mark.django_db, pytest.mark.database]


@pytest.fixture
def chief(client: Client) -> Client:
    client.force_login(User.objects.create_superuser("chief"))
    return client


@pytest.mark.parametrize("address", [MODELS, VERSIONS, HISTORY])
def test_the_number_of_queries_does_not_grow_with_the_rows(chief: Client, address: str) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            page(chief, address)
        return len(captured)

    services.promote(version=tree_version("first"))
    page(chief, address)  # Django keeps what content types there are
    once = queries()
    for name in ("second", "third", "fourth"):
        services.promote(version=tree_version(name))
    assert queries() == once


def test_a_models_page_asks_as_often_for_many_versions_as_for_two(chief: Client) -> None:
    address = reverse("admin:modelregistry_registeredmodel_change", args=(tree_version().model_id,))

    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            page(chief, address)
        return len(captured)

    services.promote(version=tree_version(depth=2))
    services.promote(version=tree_version(depth=3))
    page(chief, address)  # as above
    once = queries()
    for depth in (1, 2, 3):
        services.promote(version=tree_version(depth=depth))
    assert queries() == once
