"""Rows that were handed in, and the file itself, are for those who may view versions."""

import json
from collections.abc import Callable

import pytest
from django.test import Client
from django.urls import reverse

from modelregistry import services
from modelregistry.models import ModelVersion
from modelregistry.tasks import COMPARE
from tests.jobs_surface.rows import finished, person, signed_in
from tests.modelregistry.rest.conftest import Clerk
from tests.modelregistry.rest.test_downloads import whole
from tests.modelregistry.trained import centroid_version, onnx_version, tree_file, tree_version

pytestmark = [pytest.mark.django_db]
VERSION = "/api/v1/models/plants/versions/1/"
REPORT, DOWNLOAD = f"{VERSION}report/", f"{VERSION}download/"
WORST = [
    {"row": 1, "verdict": "within", "values": [6.125, 1.5], "source": 1, "onnx": 1,
     "difference": 1e-7}
]  # fmt: skip


def with_worst_rows() -> None:
    version = tree_version()
    sets = [{**part, "worst": WORST} for part in version.parity["sets"]]
    ModelVersion.objects.update(parity={**version.parity, "sets": sets})


def test_the_report_has_its_rows_for_those_who_may_view_versions(clerk: Clerk) -> None:
    with_worst_rows()
    found = clerk("view_modelversion").get(REPORT).json()
    assert [part["worst"] for part in found["sets"]] == [WORST] * len(found["sets"])


def test_others_read_the_same_report_without_a_row(clerk: Clerk) -> None:
    with_worst_rows()
    answer = clerk("convert_modelversion", "add_modelversion").get(REPORT)
    assert answer.status_code == 200
    kept = ModelVersion.objects.get().parity
    for part in kept["sets"]:
        del part["worst"]
    assert answer.json() == json.loads(json.dumps(kept))
    assert "6.125" not in answer.content.decode()


@pytest.mark.parametrize("make", [tree_version, onnx_version])
def test_the_source_is_for_those_who_may_view_versions(
    clerk: Clerk, make: Callable[[str], ModelVersion]
) -> None:
    make("plants")
    stranger = clerk()
    answer = stranger.get(DOWNLOAD, {"format": "source"})
    assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")
    assert whole(stranger.get(DOWNLOAD, {"format": "onnx"}))
    assert whole(stranger.get(DOWNLOAD))


def test_a_file_handed_in_as_onnx_is_its_onnx_form_and_open_to_every_key(clerk: Clerk) -> None:
    version, stranger = onnx_version("plants"), clerk()
    for asked in ({}, {"format": "onnx"}):
        answer = stranger.get(DOWNLOAD, asked)
        assert answer["ETag"] == f'"{version.source_sha256}"'
        assert whole(answer) == services.store().read(version.source_sha256)


def test_the_source_is_no_less_one_where_it_is_what_serves(clerk: Clerk) -> None:
    centroid_version()
    assert clerk().get(DOWNLOAD).status_code == 403


def test_who_may_view_versions_gets_the_source(clerk: Clerk) -> None:
    tree_version()
    source = clerk("view_modelversion").get(DOWNLOAD, {"format": "source"})
    assert whole(source) == tree_file(2)


@pytest.mark.parametrize("state", ["pending", "validating", "converting"])
def test_the_report_of_what_is_not_checked_yet_is_409_and_names_the_state(
    chief: Client, state: str
) -> None:
    tree_version()
    ModelVersion.objects.update(state=state)
    answer = chief.get(REPORT)
    assert (answer.status_code, answer.json()["code"]) == (409, "not_checked")
    assert answer.json()["detail"] == f"plants:1 is {state}: it is not checked yet."


@pytest.mark.parametrize("state", ["rejected", "broken"])
def test_what_was_not_taken_has_no_report(chief: Client, state: str) -> None:
    tree_version()
    ModelVersion.objects.update(state=state, parity={})
    answer = chief.get(REPORT)
    assert (answer.status_code, answer.json()["code"]) == (409, "no_report")
    assert answer.json()["detail"] == f"plants:1 is {state}: there is no report of it."


def test_comparisons_of_others_are_for_those_who_may_view_versions() -> None:
    bob, nobodys = person("bob"), finished(None, kind=COMPARE, result={"worst": WORST})
    theirs = finished(bob, kind=COMPARE, result={"worst": WORST})
    other = finished(bob)
    viewer = signed_in(person("vic", "view_job"))
    reader = signed_in(person("rea", "view_job", "view_modelversion"))
    for job in (theirs, nobodys):
        at = f"/api/v1/jobs/{job.pk}/"
        assert viewer.get(f"{at}result/").status_code == viewer.get(at).status_code == 404
        assert reader.get(f"{at}result/").json() == {"worst": WORST}
        page = reverse("admin:jobs_job_change", args=(job.pk,))
        assert b"6.125" not in viewer.get(page, follow=True).content
    assert [job["id"] for job in viewer.get("/api/v1/jobs/").json()["results"]] == [str(other.pk)]
    assert len(reader.get("/api/v1/jobs/").json()["results"]) == 3
    assert signed_in(bob).get(f"/api/v1/jobs/{theirs.pk}/result/").status_code == 200
