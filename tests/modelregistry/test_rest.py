"""Models and versions in REST: shapes, paging, both spellings, and no open door."""

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from modelregistry import services
from modelregistry.models import RegisteredModel
from tests.modelregistry.trained import centroid_version, tree_version

pytestmark = [pytest.mark.django_db, pytest.mark.database]


@pytest.fixture
def staff(client: Client) -> Client:
    client.force_login(User.objects.create_user("staff", is_staff=True))
    return client


def get(client: Client, path: str) -> dict[str, object]:
    answer = client.get(path)
    assert answer.status_code == 200, answer.content
    return answer.json()  # type: ignore[no-any-return]


def test_the_list_of_models_has_the_documented_shape(staff: Client) -> None:
    services.promote(version=tree_version("plants"))
    services.create_model(name="empty", task="regression", description="nothing yet")
    listed = get(staff, "/api/v1/models/")
    assert (listed["next"], listed["previous"]) == (None, None)
    empty, plants = listed["results"]
    assert plants | {"created_at": None} == {
        "name": "plants", "description": "", "task": "classification", "visibility": "signed-in",
        "groups": [], "champion": 1, "created_at": None,
    }  # fmt: skip
    assert (empty["name"], empty["champion"]) == ("empty", None)
    assert plants["created_at"].endswith("Z")


def test_a_model_names_its_aliases(staff: Client) -> None:
    services.promote(version=tree_version())
    found = get(staff, "/api/v1/models/plants/")
    assert (found["name"], found["champion"], found["aliases"]) == ("plants", 1, {"champion": 1})


def test_a_version_has_the_documented_shape(staff: Client) -> None:
    version = tree_version()
    found = get(staff, "/api/v1/models/plants/versions/1/")
    assert set(found) >= {
        "version", "state", "runtime", "format", "size_bytes", "source_sha256", "onnx_sha256",
        "signature", "classes", "metrics", "parity", "input_example", "reason", "created_at",
        "created_by",
    }  # fmt: skip
    assert found["size_bytes"] == version.onnx_size
    assert found["signature"]["inputs"] == [{"name": "X", "datatype": "FP32", "shape": [-1, 4]}]
    assert found["parity"] == {
        "status": "match", "rows": 150, "label_mismatches": 0, "ties": 0, "on_threshold": 0,
        "max_abs_diff": 0.0, "threshold_diff": 0.0,
    }  # fmt: skip
    assert (found["classes"], found["created_by"]) == ([0, 1, 2], None)


def test_a_version_without_onnx_form_has_null_for_it(staff: Client) -> None:
    centroid_version()
    found = get(staff, "/api/v1/models/plants/versions/1/")
    assert (found["onnx_sha256"], found["parity"]["status"]) == (None, "none")
    assert "NearestCentroid" in found["reason"]


def test_the_report_is_the_whole_proof(staff: Client) -> None:
    tree_version()
    found = get(staff, "/api/v1/models/plants/versions/1/report/")
    assert found["first_source"] == found["first_onnx"] == [0, 0, 0, 0, 0]
    assert found["sets"][0]["name"] == "samples"


def test_versions_come_newest_first(staff: Client) -> None:
    tree_version(depth=1)
    tree_version(depth=2)
    listed = get(staff, "/api/v1/models/plants/versions/")
    assert [version["version"] for version in listed["results"]] == [2, 1]


def test_pages_follow_one_another_without_gap_or_repetition(staff: Client) -> None:
    names = [f"model-{number:03}" for number in range(150)]
    RegisteredModel.objects.bulk_create(
        RegisteredModel(name=name, task="regression") for name in names
    )
    first = get(staff, "/api/v1/models/")
    second = get(staff, str(first["next"]))
    assert [m["name"] for m in (*first["results"], *second["results"])] == names
    assert second["next"] is None


@pytest.mark.parametrize(
    "path", ["", "plants/", "plants/versions/", "plants/versions/1/", "plants/versions/1/report/"]
)
def test_both_spellings_answer_alike_and_neither_is_open(staff: Client, path: str) -> None:
    tree_version()
    whole = f"/api/v1/models/{path}"
    assert get(staff, whole) == get(staff, whole.rstrip("/"))
    assert Client().get(whole).status_code == 401
    assert staff.post(whole).status_code in {403, 405}


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("zebra/", "unknown_model"),
        ("zebra/versions/", "unknown_model"),
        ("zebra/versions/1/", "unknown_model"),
        ("plants/versions/9/", "unknown_version"),
        ("plants/versions/999999999/report/", "unknown_version"),
        ("plants/versions/0/", "unknown_version"),
        ("plants/versions/x/", "not_found"),
        ("UPPER/", "not_found"),
        ("..%2f..%2fetc/", "not_found"),
    ],
)
def test_what_is_not_there_is_404_with_a_code(staff: Client, path: str, code: str) -> None:
    tree_version()
    answer = staff.get(f"/api/v1/models/{path}")
    assert (answer.status_code, answer.json()["code"]) == (404, code)
    assert answer["Content-Type"] == "application/problem+json"
    assert not {"zebra", "plants", "9"} & set(answer.json()["detail"].strip(".").split())


def test_the_number_of_queries_does_not_grow_with_the_rows(staff: Client) -> None:
    def queries(path: str) -> int:
        with CaptureQueriesContext(connection) as captured:
            get(staff, path)
        return len(captured)

    services.promote(version=tree_version("a-first"))
    once = [queries(path) for path in ("/api/v1/models/", "/api/v1/models/a-first/versions/")]
    for name in ("b-second", "c-third"):
        services.promote(version=tree_version(name))
    tree_version("a-first", depth=3)
    again = [queries(path) for path in ("/api/v1/models/", "/api/v1/models/a-first/versions/")]
    assert again == once
