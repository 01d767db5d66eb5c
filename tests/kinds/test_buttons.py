"""Buttons on the pages of models and versions start jobs, each with its permission."""

from collections.abc import Callable

import pytest
from django.contrib.auth.models import Permission, User
from django.contrib.messages import get_messages
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse
from unfold.forms import BaseDialogForm

from jobs import execution
from jobs.errors import WrongParams
from jobs.kinds import find
from jobs.models import Job
from jobs.services import submit
from modelregistry import services
from modelregistry.formats.rows import Rows
from modelregistry.models import ModelVersion
from modelregistry.panels import ModelAction, register_action
from tests.modelregistry.trained import ROWS, TARGETS, onnx_version, tree_file, tree_version

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.database]
SUBMITTED = {"_form_submitted": "on"}
LOAD = {**SUBMITTED, "requests": "20", "concurrency": "4", "rows": "2"}
KINDS = ("convert_model_task", "load_test_task", "retrain_model_task")
PERMISSIONS = {
    "convert_model_task": "convert_modelversion",
    "load_test_task": "loadtest_registeredmodel",
    "retrain_model_task": "retrain_registeredmodel",
}


@pytest.fixture
def chief(client: Client) -> Client:
    client.force_login(User.objects.create_superuser("chief"))
    return client


def bare_version() -> ModelVersion:
    return services.register_version(model_name="plants", data=tree_file(), create_missing=True)


def unlabelled_version() -> ModelVersion:
    return services.register_version(
        model_name="plants", data=tree_file(), samples=Rows.of(ROWS), create_missing=True
    )


def clerk(*permissions: str) -> Client:
    """Staff who may look at models and versions, and `permissions` beside."""
    user = User.objects.create_user("clerk", is_staff=True)
    names = ("view_registeredmodel", "view_modelversion", *permissions)
    user.user_permissions.set(Permission.objects.filter(codename__in=names))
    client = Client()
    client.force_login(user)
    return client


def model_page(version: ModelVersion) -> str:
    return reverse("admin:modelregistry_registeredmodel_change", args=(version.model_id,))


def button(version: ModelVersion, kind: str) -> str:
    return reverse(f"admin:modelregistry_registeredmodel_{kind}", args=(version.model_id,))


def said(answer: HttpResponse) -> str:
    return " ".join(str(message) for message in get_messages(answer.wsgi_request))


@pytest.mark.parametrize(
    ("kind", "params"),
    [
        ("convert_model_task", {"model": "plants", "version": 1}),
        ("load_test_task", {"model": "plants", "requests": 20, "concurrency": 4, "rows": 2}),
        ("retrain_model_task", {"model": "plants", "rows": None, "target": None}),
    ],
)
def test_a_button_of_a_model_starts_its_job_and_links_to_it(
    chief: Client, kind: str, params: dict[str, object]
) -> None:
    version = tree_version()
    answer = chief.post(button(version, kind), LOAD)
    job = Job.objects.get()
    assert (job.kind, job.params) == (kind, params)
    assert (job.owner.username, job.origin, job.state) == ("chief", "admin", "queued")
    assert (answer.status_code, answer["Location"]) == (302, model_page(version))
    shown = chief.get(model_page(version)).content.decode()
    link = reverse("admin:jobs_job_change", args=(job.pk,))
    assert f'href="{link}">Follow the job</a>' in shown
    assert chief.get(link).status_code == 200


def test_a_job_links_back_to_what_it_is_about(chief: Client) -> None:
    version = tree_version()
    chief.post(button(version, "retrain_model_task"), SUBMITTED)
    chief.post(button(version, "convert_model_task"), SUBMITTED)
    about = {job.kind: job for job in Job.objects.all()}
    for kind, label, page in (
        ("retrain_model_task", "plants", model_page(version)),
        (
            "convert_model_task",
            "plants:1",
            reverse("admin:modelregistry_modelversion_change", args=(version.pk,)),
        ),
    ):
        job = about[kind]
        assert job.subject_label == label
        assert reverse(job.subject_view, args=(job.subject_id,)) == page


def test_convert_on_a_model_takes_the_version_that_serves(chief: Client) -> None:
    first = tree_version()
    services.promote(version=first)
    tree_version(depth=3)
    chief.post(button(first, "convert_model_task"), SUBMITTED)
    assert Job.objects.get().params["version"] == 1


def test_convert_on_a_version_starts_a_job(chief: Client) -> None:
    version = tree_version()
    address = reverse("admin:modelregistry_modelversion_convert_version", args=(version.pk,))
    answer = chief.post(address, SUBMITTED)
    job = Job.objects.get()
    assert (job.kind, job.params) == ("convert_model_task", {"model": "plants", "version": 1})
    assert "plants:1: queued." in said(answer)


def test_every_selected_version_has_a_job_of_its_own(chief: Client) -> None:
    chosen = [tree_version(depth=1).pk, tree_version(depth=2).pk]
    chief.post(
        reverse("admin:modelregistry_modelversion_changelist"),
        {"action": "convert_selected", "_selected_action": chosen},
    )
    assert sorted(job.params["version"] for job in Job.objects.all()) == [1, 2]


def test_what_cannot_be_converted_starts_nothing_and_says_why(chief: Client) -> None:
    answer = chief.post(button(onnx_version(), "convert_model_task"), SUBMITTED)
    assert said(answer) == "foreign:1 came as ONNX: there is nothing to convert."
    assert not Job.objects.exists()


FLAGS = "--samples FILE.csv --target COLUMN."


@pytest.mark.parametrize(
    ("register", "because"),
    [
        (onnx_version, "foreign:1 came as ONNX: there is no estimator to fit anew."),
        (unlabelled_version, "plants:1 keeps no rows with targets."),
        (bare_version, "plants:1 keeps no rows with targets."),
    ],
)
def test_what_cannot_be_retrained_starts_nothing_and_names_the_flags(
    chief: Client, register: Callable[[], ModelVersion], because: str
) -> None:
    version = register()
    answer = chief.post(button(version, "retrain_model_task"), SUBMITTED)
    assert said(answer).startswith(because)
    assert said(answer).endswith(FLAGS)
    body = {"kind": "retrain_model_task", "params": {"model": version.model.name}}
    refused = chief.post("/api/v1/jobs/", body, content_type="application/json")
    assert refused.status_code == 422
    assert refused.json()["detail"] == said(answer)
    assert not Job.objects.exists()


def test_rows_that_come_along_teach_a_model_that_has_none() -> None:
    version = bare_version()
    lesson = {"rows": ROWS.tolist(), "target": TARGETS.tolist()}
    submit(kind="retrain_model_task", params={"model": version.model.name, **lesson})
    assert Job.objects.get().state == "queued"


def test_rows_that_are_damaged_are_told_by_the_job() -> None:
    version = tree_version()
    services.store().backend.path(version.samples_sha256).write_bytes(b"damaged")
    job = submit(kind="retrain_model_task", params={"model": "plants"})
    assert execution.run(job, find(job.kind), worker="here:1")
    assert (job.state, job.error_code) == ("failed", "damaged_artifact")


def test_a_load_out_of_bounds_is_refused_in_the_dialog(chief: Client) -> None:
    answer = chief.post(button(tree_version(), "load_test_task"), {**LOAD, "requests": "1000000"})
    assert "less than or equal to 100000" in answer.content.decode()
    assert not Job.objects.exists()


def test_a_load_of_too_many_rows_in_all_says_so(chief: Client) -> None:
    heavy = {**LOAD, "requests": "100000", "rows": "1000"}
    answer = chief.post(button(tree_version(), "load_test_task"), heavy)
    assert "more than 5000000" in said(answer)
    assert not Job.objects.exists()


@pytest.mark.parametrize("kind", KINDS)
def test_looking_at_the_question_starts_nothing(chief: Client, kind: str) -> None:
    answer = chief.get(button(tree_version(), kind))
    assert b"csrfmiddlewaretoken" in answer.content
    assert not Job.objects.exists()


@pytest.mark.parametrize("kind", KINDS)
def test_each_button_has_its_own_permission(kind: str) -> None:
    version = tree_version()
    allowed = clerk(PERMISSIONS[kind])
    shown = allowed.get(model_page(version)).content.decode()
    assert {other for other in KINDS if button(version, other) in shown} == {kind}
    for other in KINDS:
        answer = allowed.post(button(version, other), LOAD)
        assert answer.status_code == (302 if other == kind else 403)
    assert [job.kind for job in Job.objects.all()] == [kind]


def test_the_dialog_sends_the_whole_page_back(chief: Client) -> None:
    version = tree_version()
    address = button(version, "retrain_model_task")
    answer = chief.post(address, SUBMITTED, headers={"HX-Request": "true"})
    assert (answer.status_code, answer["HX-Redirect"]) == (200, model_page(version))


def test_a_kind_has_one_button() -> None:
    again = ModelAction(
        kind="retrain_model_task",
        label="Retrain",
        question="",
        icon="",
        form=BaseDialogForm,
        params=lambda model, answers: {},
    )
    with pytest.raises(ValueError, match="is an action"):
        register_action(again)


def test_a_version_says_which_job_has_made_it(chief: Client) -> None:
    version = tree_version()
    address = reverse("admin:modelregistry_modelversion_change", args=(version.pk,))
    assert "a file that was handed in" in chief.get(address).content.decode()
    job = submit(kind="retrain_model_task", params={"model": "plants"})
    ModelVersion.objects.update(job_id=job.pk)
    link = reverse("admin:jobs_job_change", args=(job.pk,))
    assert f'href="{link}">retrain_model_task</a>' in chief.get(address).content.decode()


def test_the_dialog_asks_by_how_much_the_new_version_has_to_win(chief: Client) -> None:
    version = tree_version()
    address = button(version, "retrain_model_task")
    shown = chief.get(address).content.decode()
    assert "Promote if better by" in shown
    chief.post(address, {**SUBMITTED, "promote_if_better_by": "0.02"})
    assert Job.objects.get().params["promote_if_better_by"] == 0.02


@pytest.mark.parametrize(
    ("margin", "said"),
    [
        ("-1", "greater than or equal to 0"),
        ("-inf", "Enter a number."),
        ("inf", "Enter a number."),
        ("nan", "Enter a number."),
        ("1e999", "Enter a number."),
        ("much", "Enter a number."),
    ],
)
def test_a_margin_that_makes_no_sense_is_said_beside_it(
    chief: Client, margin: str, said: str
) -> None:
    address = button(tree_version(), "retrain_model_task")
    refused = chief.post(address, {**SUBMITTED, "promote_if_better_by": margin})
    assert said in refused.content.decode()
    assert not Job.objects.exists()


@pytest.mark.parametrize("margin", [float("inf"), float("-inf"), float("nan")])
def test_a_margin_that_is_not_finite_is_not_taken_for_none(margin: float) -> None:
    tree_version()
    with pytest.raises(WrongParams, match=r"promote_if_better_by|>= 0"):
        submit(
            kind="retrain_model_task", params={"model": "plants", "promote_if_better_by": margin}
        )
    assert not Job.objects.exists()


def test_who_may_not_promote_is_not_asked_for_it() -> None:
    version = tree_version()
    allowed, address = clerk("retrain_registeredmodel"), button(version, "retrain_model_task")
    assert "Promote if better by" not in allowed.get(address).content.decode()
    allowed.post(address, {**SUBMITTED, "promote_if_better_by": "0.02"})
    assert "promote_if_better_by" not in Job.objects.get().params
