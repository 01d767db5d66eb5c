"""What the admin answers to addresses and forms that make no sense: never an Internal error."""

import re

import pytest
from django.contrib.auth.models import User
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse

from jobs.models import Job
from mlapi.admin import UserAdmin
from modelregistry.panels import model_actions

pytestmark = [pytest.mark.django_db, pytest.mark.database]
BROWSER = {"HTTP_ACCEPT": "text/html,application/xhtml+xml,*/*;q=0.8"}
NO_SUCH_NUMBER = "9" * 25
NO_SUCH_JOB = "00000000-0000-4000-8000-000000000000"


@pytest.fixture
def chief(client: Client) -> Client:
    client.raise_request_exception = False
    client.force_login(User.objects.create_superuser("chief"))
    return client


@pytest.mark.parametrize(
    "address",
    [
        "/admin/search/?s=iris&page=abc",
        f"/admin/auth/user/{NO_SUCH_NUMBER}/change/",
        f"/admin/modelregistry/modelversion/{NO_SUCH_NUMBER}/change/",
        "/admin/modelregistry/modelversion/abc/change/",
        "/admin/modelregistry/modelversion/abc/promote/",
        "/admin/modelregistry/modelversion/?state__regex=(",
        "/admin/modelregistry/modelversion/?model__id__exact=abc",
        "/admin/jobs/job/abc/change/",
        "/admin/jobs/job/?state__exact=%00",
        "/admin/jobs/job/?created_at__gte=never",
        "/admin/jobs/job/?p=abc",
        "/admin/jobs/job/?o=9.9.x",
    ],
)
def test_a_senseless_address_is_answered_below_500(chief: Client, address: str) -> None:
    assert chief.get(address, **BROWSER).status_code < 500


UNKNOWN_JOB = "/admin/jobs/job/00000000-0000-4000-8000-000000000000"


def buttons() -> list[str]:
    """Every address that a button posts to, of rows that are not there."""
    own = {
        "jobs_job": (("cancel", "retry"), NO_SUCH_JOB),
        "modelregistry_modelversion": (("convert_version", "promote_version"), "999999"),
        "modelregistry_registeredmodel": ([action.kind for action in model_actions()], "999999"),
    }
    return [
        reverse(f"admin:{page}_{word}", args=(object_id,))
        for page, (words, object_id) in own.items()
        for word in words
    ]


def test_buttons_of_what_is_not_there_are_404(chief: Client) -> None:
    form = {"_form_submitted": "on", "requests": "1", "concurrency": "1", "rows": "1"}
    answers = {address: chief.post(address, form, **BROWSER) for address in buttons()}
    assert len(answers) == 7
    assert {answer.status_code for answer in answers.values()} == {404}


@pytest.mark.parametrize("object_id", ["abc", NO_SUCH_NUMBER, "%00"])
def test_buttons_of_senseless_ids_are_answered_below_500(chief: Client, object_id: str) -> None:
    for address in buttons():
        strange = address.replace("999999", object_id).replace(NO_SUCH_JOB, object_id)
        answer = chief.post(strange, {"_form_submitted": "on"}, **BROWSER)
        assert answer.status_code < 500, strange


def test_senseless_ids_in_a_form_are_answered_below_500(chief: Client) -> None:
    Job.objects.all().delete()
    chosen = {"action": "cancel_selected", "_selected_action": ["abc", NO_SUCH_NUMBER]}
    assert chief.post("/admin/jobs/job/", chosen, **BROWSER).status_code < 500
    chosen["action"] = "promote_selected"
    address = "/admin/modelregistry/modelversion/"
    assert chief.post(address, chosen, **BROWSER).status_code < 500


def test_a_fault_of_ours_stays_a_500(chief: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise KeyError("a fault of ours")

    monkeypatch.setattr(UserAdmin, "get_queryset", broken)
    answer = chief.get("/admin/auth/user/", **BROWSER)
    assert answer.status_code == 500
    assert "a fault of ours" not in answer.content.decode()


def content_type(answer: HttpResponse) -> str:
    return str(answer["Content-Type"]).partition(";")[0]


def test_a_browser_gets_a_page_with_the_way_back(chief: Client) -> None:
    answer = chief.get("/admin/no/such/page/", **BROWSER)
    assert answer.status_code == 404
    assert content_type(answer) == "text/html"
    assert 'href="/admin/"' in answer.content.decode()
    assert answer["X-Request-ID"] in answer.content.decode()


def test_staff_without_the_permission_get_a_page_too(client: Client) -> None:
    client.force_login(User.objects.create_user("clerk", is_staff=True))
    answer = client.get("/admin/auth/user/", **BROWSER)
    assert (answer.status_code, content_type(answer)) == (403, "text/html")


def test_who_may_not_can_sign_in_as_somebody_else() -> None:
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(User.objects.create_user("clerk", is_staff=True))
    page = browser.get("/admin/auth/user/", **BROWSER).content.decode()
    token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page)
    assert token is not None
    assert 'action="/admin/logout/"' in page
    browser.post("/admin/logout/", {"csrfmiddlewaretoken": token[1]}, **BROWSER)
    assert browser.get("/admin/", **BROWSER).status_code == 302


def test_staff_without_permissions_are_told_whom_to_ask(chief: Client) -> None:
    assert "no permissions yet" not in chief.get("/admin/", **BROWSER).content.decode()
    clerk = Client()
    clerk.force_login(User.objects.create_user("clerk", is_staff=True))
    assert "You have no permissions yet" in clerk.get("/admin/", **BROWSER).content.decode()


@pytest.mark.parametrize(
    ("path", "status"), [("/admin/auth/user/?q=secret", 403), ("/admin/no%0Asuch/?q=secret", 404)]
)
def test_a_refusal_is_one_line_of_the_log_with_the_id_that_the_page_names(
    client: Client, caplog: pytest.LogCaptureFixture, path: str, status: int
) -> None:
    client.force_login(User.objects.create_user("clerk", is_staff=True))
    answer = client.get(path, **BROWSER)
    place = path.partition("?")[0]
    said = f"request {answer['X-Request-ID']}: GET {place} answered {status}"
    assert [(record.getMessage(), record.exc_info) for record in caplog.records] == [(said, None)]


def test_a_program_gets_problem_json(chief: Client) -> None:
    answer = chief.get("/admin/no/such/page/", HTTP_ACCEPT="*/*")
    assert (answer.status_code, content_type(answer)) == (404, "application/problem+json")
    assert answer.json()["code"] == "not_found"
