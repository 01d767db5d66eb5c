"""A model that one does not see is answered as one that is not there: word for word, everywhere."""

import json
import uuid

import pytest
from django.contrib.auth.models import Group, Permission, User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse

from jobs.models import Job
from jobs.services import submit
from modelregistry import services
from modelregistry.models import RETRAIN, ModelVersion, RegisteredModel
from modelregistry.tasks import COMPARE, CONVERT
from modelregistry.tasks.telling import model_page, version_page
from predictions.tasks import LOAD_TEST
from tests.modelregistry.trained import tree_version

pytestmark = [pytest.mark.django_db, pytest.mark.database]
JSON = "application/json"
HIDDEN, MISSING, NO_JOB = "orchids", "absent", "00000000-0000-4000-8000-000000000000"
EVERYTHING = (
    *("view_registeredmodel", "change_registeredmodel", "delete_registeredmodel"),
    *("add_registeredmodel", "retrain_registeredmodel", "loadtest_registeredmodel"),
    *("view_modelversion", "add_modelversion", "convert_modelversion", "promote_modelversion"),
    *("view_aliaschange", "view_job", "cancel_job", "view_scheduledretraining"),
    *("add_scheduledretraining", "change_scheduledretraining"),
)
ROUTES = {
    "": [("GET", None), ("PATCH", {"description": "x"}), ("DELETE", None)],
    "versions/": [("GET", None), ("POST", "form")],
    "versions/1/": [("GET", None)],
    "versions/1/report/": [("GET", None)],
    "versions/1/download/": [("GET", None)],
    "versions/1/convert/": [("POST", {})],
    "aliases/champion/": [("PUT", {"version": 1}), ("DELETE", None)],
    "rollback/": [("POST", {})],
    "history/": [("GET", None)],
    "retrain/": [("POST", {})],
}
PARAMS: dict[str, dict[str, object]] = {
    RETRAIN: {},
    LOAD_TEST: {},
    CONVERT: {"version": 1},
    COMPARE: {"a": 1, "b": 2},
    services.INGEST: {"version": 1},
}


@pytest.fixture
def hidden() -> ModelVersion:
    """The second of two versions of a model for a group that nobody but `member` is in."""
    tree_version(HIDDEN, depth=1)
    version = tree_version(HIDDEN, depth=2)
    services.promote(version=version)
    member = User.objects.create_user("member", is_staff=True)
    Group.objects.create(name="insiders").user_set.add(member)
    changes: dict[str, object] = {"visibility": "groups"}
    services.change_model(name=HIDDEN, changes=changes, groups=["insiders"])
    return version


@pytest.fixture
def outsider(hidden: ModelVersion) -> Client:
    """One who may do everything with the models that they see."""
    user = User.objects.create_user("clerk", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=EVERYTHING))
    client = Client()
    client.force_login(user)
    return client


def let_in() -> None:
    User.objects.get(username="clerk").groups.add(Group.objects.get(name="insiders"))


def asked(client: Client, method: str, url: str, body: object) -> HttpResponse:
    if body == "form":
        answer = client.post(url, {"file": SimpleUploadedFile("m.onnx", b"x")})
    elif method == "GET":
        answer = client.get(url)
    else:
        answer = getattr(client, method.lower())(url, body, content_type=JSON)
    answer.getvalue()  # what is streamed is read to its end
    return answer


def answered(
    client: Client, method: str, url: str, body: object = None
) -> tuple[int, dict[str, object]]:
    """Status and problem of a refusal, without what is of each request's own."""
    answer = asked(client, method, url, body)
    words: dict[str, object] = json.loads(answer.content)
    words.pop("request_id")
    return answer.status_code, words


@pytest.mark.parametrize(
    ("route", "method", "body"),
    [(route, *call) for route, calls in ROUTES.items() for call in calls],
)
def test_rest_answers_as_of_a_model_that_is_not_there(
    outsider: Client, route: str, method: str, body: object
) -> None:
    status, unseen = answered(outsider, method, f"/api/v1/models/{HIDDEN}/{route}", body)
    same, unknown = answered(outsider, method, f"/api/v1/models/{MISSING}/{route}", body)
    assert status == same == 404
    assert str(unseen).replace(HIDDEN, MISSING) == str(unknown)
    assert unseen["code"] == "unknown_model"
    let_in()
    assert asked(outsider, method, f"/api/v1/models/{HIDDEN}/{route}", body).status_code != 404


def test_lists_leave_it_out(outsider: Client) -> None:
    RegisteredModel.objects.create(name="seen")
    listed = outsider.get("/api/v1/models/").json()["results"]
    assert [model["name"] for model in listed] == ["seen"]


@pytest.mark.parametrize("kind", PARAMS)
def test_no_job_is_started_on_it(outsider: Client, kind: str) -> None:
    def submitted(model: str) -> tuple[int, object]:
        body = {"kind": kind, "params": {"model": model, **PARAMS[kind]}}
        return answered(outsider, "POST", "/api/v1/jobs/", body)

    assert submitted(HIDDEN) == submitted(MISSING)
    assert submitted(HIDDEN)[0] == 422
    assert not Job.objects.exists()


def test_jobs_about_it_are_unknown_with_all_that_is_in_them(
    outsider: Client, hidden: ModelVersion
) -> None:
    clerk = User.objects.get(username="clerk")
    member = User.objects.get(username="member")
    theirs = submit(kind=LOAD_TEST, params={"model": HIDDEN}, owner=member)
    was_seen = submit(kind=COMPARE, params={"model": HIDDEN, "a": 1, "b": 2})
    Job.objects.filter(pk=was_seen.pk).update(owner=clerk)  # from a time when they saw it
    versions = submit(kind=CONVERT, params={"model": HIDDEN, "version": 2}, owner=member)
    assert versions.subject_view == version_page(hidden).view
    assert theirs.subject_view == model_page(hidden.model).view
    tree_version("seen")
    other = submit(kind=LOAD_TEST, params={"model": "seen"})
    listed = outsider.get("/api/v1/jobs/").json()["results"]
    assert [job["id"] for job in listed] == [str(other.pk)]
    unknown = answered(outsider, "GET", f"/api/v1/jobs/{NO_JOB}/")
    for job in (theirs, was_seen, versions):
        for word, method in (("", "GET"), ("events/", "GET"), ("cancel/", "POST")):
            assert answered(outsider, method, f"/api/v1/jobs/{job.pk}/{word}") == unknown
        assert outsider.get(f"/admin/jobs/job/{job.pk}/change/").status_code == 302
        for word in ("cancel", "retry"):
            assert outsider.post(f"/admin/jobs/job/{job.pk}/{word}/").status_code == 404
    assert {*Job.objects.values_list("state", flat=True)} == {"queued"}
    let_in()
    assert len(outsider.get("/api/v1/jobs/").json()["results"]) == 4


PAGES = [
    *(f"registeredmodel_{page}" for page in ("change", "history", "hand_in_version")),
    *(f"registeredmodel_{page}" for page in ("rollback_model", "compare_versions")),
    *(f"registeredmodel_{kind}" for kind in (RETRAIN, LOAD_TEST, CONVERT)),
    *(f"modelversion_{page}" for page in ("change", "report", "convert_version")),
    *(f"modelversion_{page}" for page in ("promote_version", "point_alias", "take_alias")),
    "aliaschange_change",
]


@pytest.mark.parametrize("page", PAGES)
def test_its_pages_are_those_of_nothing(outsider: Client, hidden: ModelVersion, page: str) -> None:
    ids = {
        "registeredmodel": hidden.model_id,
        "modelversion": hidden.pk,
        "aliaschange": hidden.model.changes.get().pk,
    }

    def opened(pk: int) -> tuple[int, str]:
        address = reverse(f"admin:modelregistry_{page}", args=(pk,))
        answer = outsider.get(address, HTTP_HX_REQUEST="true")
        return answer.status_code, answer.headers.get("Location", "")

    pk = ids[page.partition("_")[0]]
    status, where = opened(pk)
    assert (status, where) == opened(987)
    assert status in (302, 404)
    let_in()
    assert opened(pk)[0] == 200


@pytest.mark.parametrize(
    "page",
    [
        "modelregistry/registeredmodel/",
        "modelregistry/modelversion/",
        "modelregistry/aliaschange/",
        "",
    ],
)
def test_the_lists_of_the_admin_leave_it_out(outsider: Client, page: str) -> None:
    assert HIDDEN not in outsider.get(f"/admin/{page}").content.decode()
    let_in()
    assert HIDDEN in outsider.get(f"/admin/{page}").content.decode()


def test_actions_do_nothing_to_it(outsider: Client, hidden: ModelVersion) -> None:
    first = ModelVersion.objects.get(number=1)
    for action in ("promote_selected", "convert_selected"):
        outsider.post(
            "/admin/modelregistry/modelversion/",
            {"action": action, "_selected_action": [first.pk]},
        )
    assert first.model.changes.count() == 1
    assert not Job.objects.exists()


def test_no_schedule_is_made_or_seen(outsider: Client, hidden: ModelVersion) -> None:
    body = {"retrained": hidden.model_id, "every": 1, "period": "days", "enabled": "on"}
    page = "/admin/modelregistry/scheduledretraining/add/"
    answer = outsider.post(page, body)
    assert "Select a valid choice" in answer.content.decode()
    member = Client()
    User.objects.filter(username="member").update(is_superuser=True)
    member.force_login(User.objects.get(username="member"))
    assert member.post(page, body).status_code == 302
    lists = "/admin/modelregistry/scheduledretraining/"
    assert "every day" in member.get(lists).content.decode()
    assert "every day" not in outsider.get(lists).content.decode()


def test_nothing_is_handed_in_for_it(outsider: Client) -> None:
    file = SimpleUploadedFile("m.onnx", b"x")
    form = {"name": HIDDEN, "once": uuid.uuid4(), "file": file}
    page = reverse("admin:modelregistry_registeredmodel_hand_in_model")
    answer = outsider.post(page, form)
    assert "There is a model orchids already." in answer.content.decode()
    assert ModelVersion.objects.count() == 2
