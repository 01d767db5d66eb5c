"""An archived model takes no versions any more, whoever would make one, and each is told so."""

import uuid
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.contrib.messages import get_messages
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse

from jobs import execution
from jobs.kinds import find
from jobs.models import Job
from jobs.services import submit
from modelregistry import services
from modelregistry.errors import ArchivedModel
from modelregistry.models import RETRAIN, ModelVersion
from modelregistry.services import registering
from tests.modelregistry.trained import SAMPLES, tree_file, tree_version

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.database]
SAID = "The model plants is archived: it takes no versions any more."
PLANTS = {"model": "plants"}


@pytest.fixture
def chief(client: Client) -> Client:
    client.force_login(User.objects.create_superuser("chief"))
    return client


@pytest.fixture
def archived() -> ModelVersion:
    """The one version of a model that takes no more."""
    version = tree_version()
    services.archive(name="plants")
    return version


def register() -> object:
    return services.register_version(model_name="plants", data=tree_file(), samples=SAMPLES)


def register_unseen() -> object:
    return services.register_file(model_name="plants", data=tree_file(), samples=SAMPLES)


def register_retrained() -> object:
    facts: dict[str, Any] = {"samples": SAMPLES, "heldout": SAMPLES, "job_id": uuid.uuid4()}
    return services.register_for_job(model_name="plants", data=tree_file(), **facts)


@pytest.mark.usefixtures("archived")
@pytest.mark.parametrize("service", [register, register_unseen, register_retrained])
def test_no_service_registers_one(service: Callable[[], object]) -> None:
    with pytest.raises(ArchivedModel, match=f"^{SAID}$"):
        service()
    assert ModelVersion.objects.count() == 1


def test_one_that_is_archived_while_the_file_is_looked_at_takes_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tree_version()
    keep = registering.keep

    def keep_and_archive(*args: Any) -> dict[str, object]:
        services.archive(name="plants")
        return keep(*args)

    monkeypatch.setattr(registering, "keep", keep_and_archive)
    with pytest.raises(ArchivedModel):
        register()
    assert ModelVersion.objects.count() == 1


@pytest.mark.usefixtures("archived")
def test_the_route_of_jobs_answers_as_the_route_of_the_model_does(chief: Client) -> None:
    for path, body in (
        ("/api/v1/models/plants/retrain/", {}),
        ("/api/v1/jobs/", {"kind": RETRAIN, "params": PLANTS}),
    ):
        answer = chief.post(path, body, content_type="application/json")
        assert (answer.status_code, answer.json()["code"]) == (409, "archived_model")
        assert answer.json()["detail"] == SAID
    assert not Job.objects.exists()


def test_a_job_that_was_queued_before_fails_and_is_not_tried_again(chief: Client) -> None:
    tree_version()
    job = submit(kind=RETRAIN, params=PLANTS)
    services.archive(name="plants")
    assert execution.run(job, find(RETRAIN), worker="here:1")
    assert (job.state, job.error_code, job.error_detail) == ("failed", "archived_model", SAID)
    again = chief.post(f"/api/v1/jobs/{job.pk}/retry/")
    assert (again.status_code, again.json()["code"]) == (409, "archived_model")
    assert ModelVersion.objects.count() == 1


def test_its_page_has_no_buttons_that_make_versions_and_says_why(
    chief: Client, archived: ModelVersion
) -> None:
    page = reverse("admin:modelregistry_registeredmodel_change", args=(archived.model_id,))
    retrain = reverse(f"admin:modelregistry_registeredmodel_{RETRAIN}", args=(archived.model_id,))
    shown = chief.get(page).content.decode()
    assert retrain not in shown
    assert "hand-in/" not in shown
    assert "it takes no versions any more" in shown
    pressed = chief.post(retrain, {"_form_submitted": "on"})  # on a page that was open before
    assert [str(message) for message in get_messages(pressed.wsgi_request)] == [SAID]
    assert not Job.objects.exists()


def test_the_page_of_a_model_that_is_open_has_them(chief: Client) -> None:
    model = tree_version().model_id
    page = reverse("admin:modelregistry_registeredmodel_change", args=(model,))
    shown = chief.get(page).content.decode()
    assert reverse(f"admin:modelregistry_registeredmodel_{RETRAIN}", args=(model,)) in shown
    assert "hand-in/" in shown
    assert "no versions any more" not in shown


@pytest.mark.usefixtures("archived")
def test_commands_end_in_that_one_line(tmp_path: Path) -> None:
    file = tmp_path / "model.skops"
    file.write_bytes(tree_file())
    for words in (["retrain_model", "plants"], ["register_model", str(file), "--model", "plants"]):
        with pytest.raises(CommandError, match=f"^{SAID}$"):
            call_command(*words, stdout=StringIO())
    assert not Job.objects.exists()
