"""POST /api/v1/models/{name}/versions/: what it takes, what it answers, whom it refuses."""

import json
from hashlib import sha256
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.http import HttpResponse
from django.test import Client
from django.utils import timezone

from jobs.models import Job
from modelregistry import services
from modelregistry.models import ModelVersion, RegisteredModel
from tests.modelregistry.trained import tree_file

pytestmark = [pytest.mark.django_db, pytest.mark.database]
PATH = "/api/v1/models/plants/versions/"


@pytest.fixture(autouse=True)
def plants() -> RegisteredModel:
    return services.create_model(name="plants", task="")


def staff(*permissions: str) -> Client:
    user = User.objects.create_user("staff", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def adder() -> Client:
    return staff("add_modelversion")


def model_file(data: bytes | None = None) -> SimpleUploadedFile:
    return SimpleUploadedFile("../../model.skops", tree_file() if data is None else data)


def samples() -> SimpleUploadedFile:
    return SimpleUploadedFile("rows.csv", b"a,b,c,d,kind\n5.1,3.5,1.4,0.2,0\n")


def post(client: Client, path: str = PATH, **form: Any) -> "HttpResponse":
    return client.post(path, {"file": model_file(), **form})  # type: ignore[return-value]


def test_a_version_is_accepted_and_its_job_is_told(adder: Client) -> None:
    answer = post(adder, samples=samples(), target="kind", metadata='{"commit": "4711"}')
    told = answer.json()
    assert (answer.status_code, told["version"], told["state"]) == (202, 1, "pending")
    assert (told["job"]["kind"], told["job"]["state"]) == ("ingest_version_task", "queued")
    assert told["job"]["id"] == str(Job.objects.get().pk)
    version = ModelVersion.objects.get()
    assert (version.metadata, version.handed_in["target"]) == ({"commit": "4711"}, "kind")


def test_a_version_that_waits_is_shown_without_what_nobody_knows_yet(adder: Client) -> None:
    post(adder)
    for found in (adder.get(f"{PATH}1/").json(), adder.get(PATH).json()["results"][0]):
        assert (found["state"], found["size_bytes"]) == ("pending", len(tree_file()))
        unknown = ("runtime", "format", "signature", "parity", "classes", "onnx_sha256")
        assert [found[name] for name in unknown] == [None] * 6
    assert adder.get(f"{PATH}1/report/").status_code < 500


def test_both_spellings_answer_and_metadata_may_be_a_file(adder: Client) -> None:
    note = SimpleUploadedFile("note.json", b'{"of": "a file"}')
    assert post(adder, PATH.rstrip("/"), metadata=note).status_code == 202
    assert adder.get(f"{PATH}1/").json()["metadata"] == {"of": "a file"}


def test_a_retry_with_its_key_makes_no_second_version(adder: Client) -> None:
    one, other = (
        adder.post(PATH, {"file": model_file()}, headers={"Idempotency-Key": "k"}).json()
        for _ in range(2)
    )
    assert (one["version"], one["job"]["id"]) == (other["version"], other["job"]["id"])
    assert ModelVersion.objects.count() == 1


def test_a_key_with_another_file_is_refused(adder: Client) -> None:
    for data, status in ((tree_file(), 202), (tree_file(1), 422)):
        form = {"file": model_file(data)}
        answer = adder.post(PATH, form, headers={"Idempotency-Key": "k"})
        assert answer.status_code == status
    assert answer.json()["code"] == "key_reused"


@pytest.mark.parametrize("large", ["file", "samples"])
def test_a_file_over_the_limit_is_413_and_nothing_is_kept_of_it(
    adder: Client, settings: Any, large: str
) -> None:
    settings.LARGEST_UPLOAD = 100_000
    data = (b"PK\x03\x04" if large == "file" else b"a\n") + bytes(100_001)
    answer = post(adder, **{large: SimpleUploadedFile("large", data)})
    assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")
    assert answer.json()["detail"] == "A file may have at most 100,000 bytes."
    assert not ModelVersion.objects.exists()
    assert not services.store().exists(sha256(data).hexdigest())


def test_who_may_not_add_versions_is_refused() -> None:
    answer = post(staff("view_modelversion"))
    assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")


def test_who_is_not_known_is_refused() -> None:
    assert post(Client()).status_code == 401


def test_a_session_needs_the_token_of_its_form() -> None:
    known = staff("add_modelversion")
    stranger = Client(enforce_csrf_checks=True)
    stranger.cookies = known.cookies
    assert post(stranger).status_code == 403


def test_a_session_with_the_token_of_its_form_is_let_in() -> None:
    browser = Client(enforce_csrf_checks=True)
    browser.cookies = staff("add_modelversion").cookies
    browser.cookies["csrftoken"] = token = "a" * 32
    assert post(browser, csrfmiddlewaretoken=token).status_code == 202
    answer = browser.post(
        PATH, b"{}", content_type="application/json", headers={"X-CSRFToken": token}
    )
    assert answer.status_code == 415


def test_a_model_nobody_has_made_is_unknown(adder: Client) -> None:
    answer = post(adder, "/api/v1/models/nobody/versions/")
    assert (answer.status_code, answer.json()["code"]) == (404, "unknown_model")


def test_an_archived_model_takes_none(adder: Client, plants: RegisteredModel) -> None:
    RegisteredModel.objects.filter(pk=plants.pk).update(archived_at=timezone.now())
    answer = post(adder)
    assert (answer.status_code, answer.json()["code"]) == (409, "archived_model")


@pytest.mark.parametrize(
    "kind", ["application/json", "application/octet-stream", "application/x-www-form-urlencoded"]
)
def test_only_a_form_is_taken(adder: Client, kind: str) -> None:
    answer = adder.post(PATH, b"{}", content_type=kind)
    assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_media_type")
    assert "multipart/form-data" in answer.json()["detail"]


def test_a_form_without_a_boundary_is_malformed(adder: Client) -> None:
    answer = adder.post(PATH, b"x", content_type="multipart/form-data")
    assert (answer.status_code, answer.json()["code"]) == (400, "malformed")


@pytest.mark.parametrize(
    ("form", "words"),
    [
        ({"file": ""}, "file: "),
        ({"file": "model.skops"}, "file: "),
        ({"file": SimpleUploadedFile("m.skops", b"")}, "file: The submitted file is empty."),
        ({"sample": "x"}, "known are file, samples, target, metadata"),
        ({"target": "kind"}, "target: There are no samples that have it."),
        ({"samples": "not a file"}, "samples: "),
        ({"metadata": "[1]"}, "metadata: This is no JSON object."),
        ({"metadata": '{"a": '}, "metadata: This is no JSON object."),
        ({"metadata": '{"a": "\\u0000"}'}, "metadata: This is no JSON object."),
        ({"metadata": "[" * 60_000}, "metadata: This is no JSON object."),
        ({"metadata": '{"a": "%s"}' % ("x" * 64_000)}, "metadata: At most 64,000 bytes"),
        ({"target": ["a", "b"]}, "The field target may come once."),
    ],
)
def test_a_form_that_makes_no_sense_is_refused_by_name(
    adder: Client, form: dict[str, Any], words: str
) -> None:
    answer = post(adder, **form)
    assert (answer.status_code, ModelVersion.objects.count()) == (422, 0)
    assert words in answer.json()["detail"]


def test_a_text_that_tells_of_a_nul_has_none(adder: Client) -> None:
    told = {"how": "write \\u0000", "\\\\u0000": "\\"}
    assert post(adder, metadata=json.dumps(told)).status_code == 202
    assert ModelVersion.objects.get().metadata == told


@pytest.mark.parametrize("text", ["\0", "\\\0", "\\u0000\0"])
def test_a_nul_is_found_after_whatever_stands_before_it(adder: Client, text: str) -> None:
    for told in ({"a": [text]}, {text: 1}):
        answer = post(adder, metadata=json.dumps(told))
        assert (answer.status_code, ModelVersion.objects.count()) == (422, 0)


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ({"file": SimpleUploadedFile("m.skops", b"<html>")}, "This is a text file."),
        ({"file": SimpleUploadedFile("m.skops", b"\x80\x04no model.")}, "skops.io.dump"),
        ({"samples": samples(), "target": "kinds"}, "The sample rows have no column kinds."),
    ],
)
def test_what_is_plainly_no_model_costs_no_version(
    adder: Client, form: dict[str, Any], said: str
) -> None:
    answer = post(adder, **form)
    assert (answer.status_code, answer.json()["code"]) == (422, "refused_file")
    assert said in answer.json()["detail"]
    assert not ModelVersion.objects.exists()


def test_a_form_without_a_file_is_refused(adder: Client) -> None:
    answer = adder.post(PATH, {"metadata": "{}"})
    assert (answer.status_code, answer.json()["detail"]) == (422, "file: No file was submitted.")
