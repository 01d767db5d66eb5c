"""Pages and REST say that a version is broken, and which one answers instead."""

import re
from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from drf_spectacular.generators import SchemaGenerator

from modelregistry import services
from modelregistry.errors import NotConvertible
from modelregistry.models import ModelVersion
from tests.modelregistry.test_admin import MODELS, VERSIONS, buttons, detail, page, text
from tests.modelregistry.test_damage import found, own_store, path_of
from tests.modelregistry.trained import tree_version

__all__ = ["own_store"]  # a folder of the test's own
pytestmark = [pytest.mark.django_db, pytest.mark.database]
FRONT = reverse("admin:index")


@pytest.fixture
def chief(client: Client) -> Client:
    client.force_login(User.objects.create_superuser("chief"))
    return client


@pytest.fixture
def two() -> list[ModelVersion]:
    """Versions 1 and 2, each of which has been champion, in this order."""
    versions = [tree_version(depth=depth) for depth in (1, 2)]
    for version in versions:
        services.promote(version=version)
    return versions


def broken(version: ModelVersion) -> Callable[[], object]:
    """Its file holds something else, and somebody has met it; the answer mends it."""
    path = path_of(version)
    whole = path.read_bytes()
    path.write_bytes(b"something else")
    assert found(version)

    def mend() -> None:
        path.write_bytes(whole)
        assert services.Mender().mend() == 1

    return mend


def model_page(version: ModelVersion) -> str:
    return reverse("admin:modelregistry_registeredmodel_change", args=(version.model_id,))


def test_a_models_page_says_that_its_champion_is_broken_and_what_answers(
    chief: Client, two: list[ModelVersion]
) -> None:
    mend = broken(two[1])
    html = page(chief, model_page(two[1]))
    said = text(html)
    assert "Version 2 is broken: its file is missing or altered; version 1 answers." in said
    assert "Version 2 has been champion since" in said
    assert "champion, but broken" in said
    assert "has served since" not in said
    assert "serves now" not in said
    assert "timeline-live" not in html
    mend()
    html = page(chief, model_page(two[1]))
    assert "timeline-broken" not in html
    assert 'role="alert"' not in html
    assert "Version 2 has served since" in text(html)


@pytest.mark.parametrize("alone", [False, True], ids=["one stands in", "none does"])
def test_lists_and_its_page_mark_it_beside_what_it_serves(
    chief: Client, two: list[ModelVersion], alone: bool
) -> None:
    pages = [MODELS, VERSIONS, model_page(two[1]), detail(two[1])]
    mark = re.compile("none answers" if alone else "version 1 answers")
    assert not any(mark.search(text(page(chief, address))) for address in pages)
    broken(two[1])
    if alone:
        broken(two[0])
    assert all(mark.search(text(page(chief, address))) for address in pages)


def test_rest_says_which_version_answers(chief: Client, two: list[ModelVersion]) -> None:
    def told() -> tuple[int, int | None]:
        answer = chief.get("/api/v1/models/plants/").json()
        return answer["champion"], answer["answering"]

    assert told() == (2, 2)
    mends = [broken(two[1])]
    assert told() == (2, 1)
    mends.append(broken(two[0]))
    assert told() == (2, None)
    for path in (path_of(version) for version in two):
        path.unlink()
    assert told() == (2, None)


def test_the_schema_of_the_api_knows_which_version_answers() -> None:
    schema = SchemaGenerator().get_schema(public=True)
    shown = schema["components"]["schemas"]["ModelDetail"]
    assert "answering" in shown["required"]
    kinds = shown["properties"]["answering"]["type"]
    assert set(kinds) == {"integer", "null"}


def test_a_model_without_a_champion_has_nothing_that_answers(chief: Client) -> None:
    tree_version()
    assert chief.get("/api/v1/models/plants/").json()["answering"] is None


def test_the_dashboard_counts_what_is_broken_and_leads_there(
    chief: Client, two: list[ModelVersion]
) -> None:
    third = tree_version(depth=3)
    link = f'href="{VERSIONS}?state__exact=broken"'
    assert link not in page(chief, FRONT)
    broken(third)
    html = page(chief, FRONT)
    assert link in html
    assert "1 broken" in text(html)
    listed = page(chief, f"{VERSIONS}?state__exact=broken")
    assert "plants:3" in listed
    assert "plants:2" not in listed


def test_what_cannot_be_read_has_no_button_to_convert_it_and_is_not_converted(
    chief: Client, two: list[ModelVersion]
) -> None:
    assert "convert" in buttons(chief, two[1])
    mend = broken(two[1])
    assert "convert" not in buttons(chief, two[1])
    with pytest.raises(NotConvertible, match="its file is missing or altered"):
        services.check_convertible(ModelVersion.objects.find("plants", 2))
    mend()
    services.check_convertible(ModelVersion.objects.find("plants", 2))


def test_a_proof_of_a_file_that_is_damaged_is_of_the_past(
    chief: Client, two: list[ModelVersion]
) -> None:
    assert "while its file was whole" not in text(page(chief, detail(two[1])))
    broken(two[1])
    assert "match while its file was whole" in text(page(chief, detail(two[1])))


def test_the_list_of_versions_names_every_alias(chief: Client, two: list[ModelVersion]) -> None:
    services.move_alias(version=two[1], alias="shadow")
    services.move_alias(version=two[0], alias="challenger")
    cells = re.findall(r'<td class="[^"]*field-served_as.*?</td>', page(chief, VERSIONS), re.DOTALL)
    assert [text(cell).split() for cell in cells] == [["champion", "shadow"], ["challenger"]]
