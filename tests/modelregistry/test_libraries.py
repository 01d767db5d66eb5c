"""Where other libraries run than made a version, that is said: plainly, or calmly."""

import re
from collections.abc import Mapping
from io import StringIO

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.test import Client
from django.urls import reverse

from modelregistry.ingestion.libraries import Difference, differences
from modelregistry.ingestion.source import library_versions
from modelregistry.models import ModelVersion
from tests.modelregistry.trained import tree_version

HERE = {"python": "3.11.9", "scikit-learn": "1.7.2", "numpy": "2.3.4", "onnxruntime": "1.23.0"}
VERSIONS = reverse("admin:modelregistry_modelversion_changelist")


def beside(recorded: Mapping[str, str], runtime: str = "onnx") -> list[Difference]:
    return list(differences(recorded, HERE, runtime=runtime))


def test_the_same_libraries_are_nothing_to_talk_about() -> None:
    assert beside(HERE) == []
    assert beside({}) == []


@pytest.mark.parametrize("recorded", ["1.6.2", "0.7.2", "2.7.2", "of my own"])
def test_another_major_or_minor_number_is_a_warning(recorded: str) -> None:
    (found,) = beside({"scikit-learn": recorded}, "sklearn")
    assert not found.calm
    assert found.sentence.startswith(f"It was made with scikit-learn {recorded}, 1.7.2 runs here")


def test_another_patch_number_is_mentioned_calmly() -> None:
    (found,) = beside({"numpy": "2.3.1"})
    assert found.calm
    assert found.sentence == (
        "It was made with numpy 2.3.1, 2.3.4 runs here: another patch release, which should "
        "change nothing."
    )


def test_what_it_may_mean_depends_on_what_serves() -> None:
    old = {"scikit-learn": "1.6.0", "onnxruntime": "1.22.0"}
    in_onnx = {d.library: d.sentence for d in beside(old, "onnx")}
    in_sklearn = {d.library: d.sentence for d in beside(old, "sklearn")}
    assert "what serves does not use it" in in_onnx["scikit-learn"]
    assert "may round otherwise" in in_onnx["onnxruntime"]
    assert "may answer otherwise, or not open" in in_sklearn["scikit-learn"]
    assert "what serves does not use it" in in_sklearn["onnxruntime"]


def test_warnings_come_before_what_is_calm() -> None:
    found = beside({"numpy": "2.3.0", "scikit-learn": "1.6.0", "python": "3.11.1"})
    assert [d.library for d in found] == ["scikit-learn", "numpy", "python"]


def test_a_library_that_is_gone_is_not_compared() -> None:
    assert beside({"tensorflow": "1.15"}) == []


def made_with(**libraries: str) -> ModelVersion:
    """A version as if other libraries had made it: rows of versions never change but here."""
    version = tree_version()
    recorded = library_versions() | {name.replace("_", "-"): v for name, v in libraries.items()}
    ModelVersion.objects.filter(pk=version.pk).update(library_versions=recorded)
    return ModelVersion.objects.select_related("model").get(pk=version.pk)


def patched(name: str) -> str:
    """Another patch release of what is installed."""
    major, minor = library_versions()[name].split(".")[:2]
    return f"{major}.{minor}.999"


def seen(client: Client, address: str) -> str:
    answer = client.get(address)
    assert answer.status_code == 200
    return " ".join(re.sub(r"<[^>]+>", " ", answer.content.decode()).split())


@pytest.fixture
def chief(client: Client) -> Client:
    client.force_login(User.objects.create_superuser("chief"))
    return client


@pytest.mark.django_db
def test_list_and_page_show_a_badge_and_the_page_says_why(chief: Client) -> None:
    version = made_with(scikit_learn="0.24.2", numpy=patched("numpy"))
    page = reverse("admin:modelregistry_modelversion_change", args=(version.pk,))
    shown = seen(chief, page)
    assert "other libraries" in seen(chief, VERSIONS)
    assert "other libraries" in shown
    assert "warning It was made with scikit-learn 0.24.2, " in shown
    assert f"info It was made with numpy {patched('numpy')}, " in shown


@pytest.mark.django_db
def test_a_patch_release_has_no_badge(chief: Client) -> None:
    version = made_with(numpy=patched("numpy"))
    page = reverse("admin:modelregistry_modelversion_change", args=(version.pk,))
    assert "other libraries" not in seen(chief, VERSIONS)
    assert "other libraries" not in seen(chief, page)
    assert "another patch release" in seen(chief, page)


@pytest.mark.django_db
def test_rest_lists_the_sentences(chief: Client) -> None:
    tree_version()
    made_with(onnxruntime="1.0.0")
    same = chief.get("/api/v1/models/plants/versions/1/").json()
    other = chief.get("/api/v1/models/plants/versions/2/").json()
    assert same["library_warnings"] == []
    (sentence,) = other["library_warnings"]
    assert sentence.startswith("It was made with onnxruntime 1.0.0, ")


@pytest.mark.django_db
def test_promoting_by_command_warns_once_it_is_done() -> None:
    made_with(scikit_learn="0.24.2", numpy=patched("numpy"))
    out, err = StringIO(), StringIO()
    call_command("promote_model", "plants:1", stdout=out, stderr=err)
    assert out.getvalue() == "plants:1 serves now.\n"
    warning, note = err.getvalue().splitlines()
    assert "Warning: It was made with scikit-learn 0.24.2, " in warning
    assert "Note: It was made with numpy " in note
