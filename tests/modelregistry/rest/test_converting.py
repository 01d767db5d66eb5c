"""Converting in REST: a job, for those who may."""

import pytest
from django.test import Client

from jobs.models import Job
from modelregistry import services
from modelregistry.models import ModelVersion
from tests.modelregistry.rest.conftest import Clerk
from tests.modelregistry.trained import centroid_version, onnx_version, tree_version

pytestmark = [pytest.mark.django_db, pytest.mark.database]
CONVERT = "/api/v1/models/plants/versions/1/convert/"
JSON = "application/json"


@pytest.mark.parametrize("body", [None, {}, {"options": None}])
def test_it_is_a_job_on_that_version(chief: Client, body: object) -> None:
    centroid_version()
    answer = chief.generic("POST", CONVERT) if body is None else chief.post(CONVERT, body, JSON)
    assert answer.status_code == 202
    (job,) = Job.objects.all()
    assert answer.json()["job"]["id"] == str(job.pk)
    assert (job.kind, job.owner.username) == ("convert_model_task", "chief")
    assert (job.params["model"], job.params["version"]) == ("plants", 1)
    assert job.subject_label == "plants:1"


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"options": 1}, "Expected `object | null`, got `int`"),
        (
            {"options": {"precision": "any"}},
            "there is a name too many at `$.options`; known are dtypes, opset.",
        ),
        ({"options": {"opset": 99}}, "opset is a whole number from 9"),
        ({"option": {}}, "there is a name too many; known are options"),
    ],
)
def test_what_does_not_fit_starts_nothing(chief: Client, body: object, said: str) -> None:
    centroid_version()
    answer = chief.post(CONVERT, body, JSON)
    assert (answer.status_code, answer.json()["code"]) == (422, "wrong_input")
    assert said in answer.json()["detail"]
    assert not Job.objects.exists()


def test_options_go_with_the_job(chief: Client) -> None:
    centroid_version()
    body = {"options": {"dtypes": ["FP64"], "opset": 18}}
    assert chief.post(CONVERT, body, JSON).status_code == 202
    assert Job.objects.get().params["options"] == body["options"]


def test_options_come_too_late_for_a_form_that_is_there(chief: Client) -> None:
    tree_version()
    answer = chief.post(CONVERT, {"options": {"dtypes": ["FP64"]}}, JSON)
    assert (answer.status_code, answer.json()["code"]) == (409, "not_convertible")
    assert not Job.objects.exists()


def test_what_came_as_onnx_is_409(chief: Client) -> None:
    onnx_version("plants")
    answer = chief.generic("POST", CONVERT)
    assert (answer.status_code, answer.json()["code"]) == (409, "not_convertible")


def test_what_is_not_there_is_404(chief: Client) -> None:
    assert chief.generic("POST", CONVERT).json()["code"] == "unknown_model"
    services.create_model(name="plants", task="")
    assert chief.generic("POST", CONVERT).json()["code"] == "unknown_version"


def test_it_needs_the_permission_to_convert(clerk: Clerk) -> None:
    centroid_version()
    refused = clerk("promote_modelversion").post(CONVERT)
    assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")
    assert not Job.objects.exists()
    assert ModelVersion.objects.count() == 1
