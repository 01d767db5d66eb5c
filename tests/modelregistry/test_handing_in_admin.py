"""Handing in on the admin's pages: the form, and a version's page until there is a verdict."""

import re
import uuid
from dataclasses import replace
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db.models.signals import post_init
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from jobs import execution
from jobs import services as jobs
from jobs.kinds import find
from jobs.models import Job
from modelregistry import services
from modelregistry.models import ModelVersion, RegisteredModel
from tests.modelregistry.trained import tree_file, tree_version

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.database]
NEW = "/admin/modelregistry/registeredmodel/hand-in/"
MODELS = reverse("admin:modelregistry_registeredmodel_changelist")
VERSIONS = reverse("admin:modelregistry_modelversion_changelist")


def clerk(*permissions: str) -> Client:
    user = User.objects.create_user("clerk", is_staff=True)
    names = ("view_registeredmodel", "view_modelversion", *permissions)
    user.user_permissions.set(Permission.objects.filter(codename__in=names))
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def adder() -> Client:
    return clerk("add_modelversion", "add_registeredmodel")


def model_file(data: bytes | None = None) -> SimpleUploadedFile:
    return SimpleUploadedFile("model.skops", tree_file() if data is None else data)


def rows_file() -> SimpleUploadedFile:
    return SimpleUploadedFile("rows.csv", b"a,b,c,d,kind\n5.1,3.5,1.4,0.2,0\n")


def post(client: Client, path: str = NEW, **given: Any) -> HttpResponse:
    form = {"name": "plants", "file": model_file(), "once": str(uuid.uuid4()), **given}
    return client.post(path, {name: value for name, value in form.items() if value is not None})  # type: ignore[return-value]


def text(answer: HttpResponse) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", answer.content.decode()).split())


def page_of(version: ModelVersion) -> str:
    return reverse("admin:modelregistry_modelversion_change", args=(version.pk,))


def worked_off() -> None:
    job = Job.objects.latest("created_at")
    execution.run(job, find(job.kind), worker="here")


def test_the_pages_of_models_lead_to_the_form(adder: Client) -> None:
    version = tree_version()
    model = reverse("admin:modelregistry_registeredmodel_change", args=(version.model_id,))
    for page, form in ((MODELS, NEW), (model, model.replace("/change/", "/hand-in/"))):
        assert f'href="{form}"' in adder.get(page).content.decode()
        assert adder.get(form).status_code == 200


def test_the_form_says_whether_pickles_are_taken(adder: Client, settings: Any) -> None:
    without = adder.get(NEW)
    settings.MLAPI = replace(settings.MLAPI, allow_pickle=True)
    taken = adder.get(NEW)
    assert "so none is taken" in text(without)
    assert "is taken here, too" in text(taken)
    assert ".pkl" not in without.content.decode()
    assert 'accept=".skops,.onnx,.pkl,.pickle,.joblib"' in taken.content.decode()


def test_who_may_not_add_versions_sees_no_button_and_no_form() -> None:
    looking = clerk()
    assert "hand-in" not in looking.get(MODELS).content.decode()
    assert looking.get(NEW).status_code == 403
    assert post(looking).status_code == 403
    assert not ModelVersion.objects.exists()


def test_who_may_add_versions_alone_makes_no_new_model() -> None:
    client = clerk("add_modelversion")
    asked = text(client.get(NEW))  # type: ignore[arg-type]
    assert "What a new model is for" not in asked
    refused = post(client, description="of the garden")
    assert "There is no model plants. You may not make new ones." in text(refused)
    assert not RegisteredModel.objects.exists()

    tree_version()
    assert post(client).status_code == 302
    assert ModelVersion.objects.count() == 2


def test_a_new_model_is_made_and_its_versions_page_opens(adder: Client) -> None:
    answer = post(adder, description="of the garden")
    version, job = ModelVersion.objects.get(), Job.objects.get()
    assert (answer.status_code, answer["Location"]) == (302, page_of(version))
    assert (version.model.name, version.model.description) == ("plants", "of the garden")
    assert (job.origin, job.owner, version.created_by) == ("admin", job.owner, job.owner)


def test_a_script_is_told_where_to_go(adder: Client) -> None:
    form = {"name": "plants", "file": model_file(), "once": str(uuid.uuid4())}
    answer = adder.post(NEW, form, headers={"X-Requested-With": "XMLHttpRequest"})
    assert (answer.status_code, answer["Location"]) == (201, page_of(ModelVersion.objects.get()))


def test_a_version_of_a_model_needs_no_name(adder: Client) -> None:
    version = tree_version()
    path = f"/admin/modelregistry/registeredmodel/{version.model_id}/hand-in/"
    given = {"samples": rows_file(), "target": "kind"}
    assert post(adder, path, name=None, **given).status_code == 302
    added = ModelVersion.objects.get(number=2)
    assert (added.model, added.handed_in["target"]) == (version.model, "kind")


def test_a_form_that_is_sent_twice_makes_one_version(adder: Client) -> None:
    once = str(uuid.uuid4())
    assert post(adder, once=once)["Location"] == post(adder, once=once)["Location"]
    answer = post(adder, once=once, file=model_file(tree_file(1)))
    assert "This form has handed in something else before." in text(answer)
    assert ModelVersion.objects.count() == 1


@pytest.mark.parametrize(
    ("given", "field", "words"),
    [
        ({"file": None}, "file", "This field is required."),
        ({"file": model_file(b"")}, "file", "The submitted file is empty."),
        ({"file": model_file(b"\x80\x04no model.")}, "file", "This is a pickle or joblib file."),
        ({"samples": rows_file(), "target": "colour"}, "samples", "have no column colour."),
        ({"description": "x" * 10_001}, "description", "at most 10000 characters"),
        ({"name": "Ünfit"}, "name", "begin with a letter or digit"),
        ({"target": "kind"}, "samples", "Add the sample rows that have this target column."),
    ],
)
def test_what_is_wrong_stands_beside_its_field(
    adder: Client, given: dict[str, Any], field: str, words: str
) -> None:
    html = post(adder, **given).content.decode()
    beside = re.search(rf'data-errors="{field}"[^>]*>(.*?)</div>', html, re.DOTALL)
    assert beside is not None
    assert words in beside[1]
    assert not ModelVersion.objects.exists()


def test_what_a_model_is_for_is_said_of_a_new_one_alone(adder: Client) -> None:
    once = str(uuid.uuid4())
    for _ in range(2):  # the same form again is no other description
        assert post(adder, once=once, description="of the garden").status_code == 302
    html = post(adder, description="of the woods").content.decode()
    beside = re.search(r'data-errors="description"[^>]*>(.*?)</div>', html, re.DOTALL)
    assert beside is not None
    assert "This model is here already." in beside[1]
    assert (ModelVersion.objects.count(), post(adder).status_code) == (1, 302)
    assert RegisteredModel.objects.get().description == "of the garden"


def test_an_archived_model_is_refused_beside_its_name(adder: Client) -> None:
    services.create_model(name="plants", task="")
    RegisteredModel.objects.update(archived_at=timezone.now())
    assert "The model plants is archived" in text(post(adder))


def test_a_model_that_is_renamed_meanwhile_is_said_on_its_own_page(adder: Client) -> None:
    model = services.create_model(name="plants", task="")

    def rename(**_: Any) -> None:
        post_init.disconnect(rename, sender=RegisteredModel)
        RegisteredModel.objects.update(name="trees")

    post_init.connect(rename, sender=RegisteredModel)
    path = f"/admin/modelregistry/registeredmodel/{model.pk}/hand-in/"
    assert "There is no model plants." in text(post(adder, path, name=None))
    assert not ModelVersion.objects.exists()


def test_lists_and_pages_bear_versions_that_wait(adder: Client) -> None:
    post(adder)
    version = ModelVersion.objects.get()
    model = reverse("admin:modelregistry_registeredmodel_change", args=(version.model_id,))
    assert "plants:1 pending" in text(adder.get(VERSIONS))  # type: ignore[arg-type]
    assert "pending" in text(adder.get(model))  # type: ignore[arg-type]
    shown = text(adder.get(page_of(version)))  # type: ignore[arg-type]
    assert "Its file waits to be checked." in shown
    assert "Signature" not in shown


def test_once_its_job_runs_it_does_not_wait_any_more(adder: Client) -> None:
    post(adder)
    Job.objects.update(state="running", attempt=1)
    shown = text(adder.get(page_of(ModelVersion.objects.get())))  # type: ignore[arg-type]
    assert "Its file is being checked" in shown
    assert "waits" not in shown


def test_a_page_follows_the_job_and_offers_nothing_yet() -> None:
    chief = Client()
    chief.force_login(User.objects.create_superuser("chief"))
    post(chief)
    html = chief.get(page_of(ModelVersion.objects.get())).content.decode()
    assert f'data-socket="/ws/jobs/{Job.objects.get().pk}/"' in html
    assert "/promote/" not in html
    assert "/convert/" not in html


def test_a_file_that_is_not_taken_says_why_on_its_page(adder: Client) -> None:
    post(adder, file=model_file(tree_file()[:-100]))
    worked_off()
    answer = adder.get(page_of(ModelVersion.objects.get()))
    assert "archive is damaged" in text(answer)  # type: ignore[arg-type]
    assert b"data-socket" not in answer.content


def test_a_check_that_was_cancelled_leads_to_its_job(adder: Client) -> None:
    post(adder)
    jobs.cancel(job=Job.objects.get(), actor=None)
    shown = text(adder.get(page_of(ModelVersion.objects.get())))  # type: ignore[arg-type]
    assert "The check was cancelled before its end." in shown
    assert "Its job, which can be retried" in shown


def test_what_is_ready_says_nothing_of_its_check(adder: Client) -> None:
    post(adder)
    worked_off()
    shown = text(adder.get(page_of(ModelVersion.objects.get())))  # type: ignore[arg-type]
    assert "Signature" in shown
    assert "checked" not in shown.replace("Its file is checked now; this page follows.", "")
