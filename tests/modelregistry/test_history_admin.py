"""The history of a model in the admin; pages that nobody edits lead to none."""

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from jobs.services import submit
from modelregistry import services
from modelregistry.models import RegisteredModel
from tests.modelregistry.test_admin import detail, page, signed_in, text
from tests.modelregistry.trained import tree_version

pytestmark = [pytest.mark.django_db, pytest.mark.database]
NO_ROWS = {  # of the tables beside the form
    f"{prefix}-{name}_FORMS": "0"
    for prefix in ("versions", "changes")
    for name in ("TOTAL", "INITIAL")
}


@pytest.fixture
def chief(client: Client) -> Client:
    client.force_login(User.objects.create_superuser("chief"))
    return client


def history(model: RegisteredModel) -> str:
    return reverse("admin:modelregistry_registeredmodel_history", args=(model.pk,))


def test_a_models_history_is_where_its_aliases_pointed(chief: Client) -> None:
    first, second = tree_version(), tree_version(depth=3)
    services.promote(version=first, reason="the first")
    services.promote(version=second, actor=User.objects.get(username="chief"), reason="better")
    services.move_alias(version=first, alias="challenger")
    services.remove_alias(model=first.model, alias="challenger")

    shown = text(page(chief, history(first.model)))

    assert "champion version 2 version 1 chief better" in shown
    assert "champion version 1 – the operator the first" in shown  # noqa: RUF001 - as it is shown
    assert "challenger taken away version 1" in shown


def test_beside_it_stands_what_was_edited(chief: Client) -> None:
    model = tree_version().model
    assert "Nothing." in text(page(chief, history(model)))
    address = reverse("admin:modelregistry_registeredmodel_change", args=(model.pk,))
    form = chief.get(address).context_data["adminform"].form  # type: ignore[attr-defined]
    kept = {name: "" if value is None else value for name, value in form.initial.items()}
    chief.post(address, {**kept, "description": "leaves", "_save": "1"} | NO_ROWS)

    assert "Changed Description" in text(page(chief, history(model)))


def test_who_may_not_see_promotions_does_not_see_them_there() -> None:
    version = tree_version()
    services.promote(version=version, reason="a secret")
    staff = signed_in()
    assert "a secret" in page(staff, history(version.model))
    permissions = User.objects.get(username="clerk").user_permissions
    permissions.remove(permissions.get(codename="view_aliaschange"))

    assert "a secret" not in page(staff, history(version.model))


@pytest.mark.parametrize("key", ["987654", "abc", "9" * 30])
def test_no_such_model_has_no_history(chief: Client, key: str) -> None:
    address = reverse("admin:modelregistry_registeredmodel_history", args=(key,))
    assert chief.get(address).status_code == 302


def test_pages_that_nobody_edits_have_no_such_button(chief: Client) -> None:
    version = tree_version()
    change = services.promote(version=version)
    job = submit(kind="retrain_model_task", params={"model": "plants"})
    line = reverse("admin:modelregistry_aliaschange_change", args=(change.pk,))
    for address in (detail(version), line, reverse("admin:jobs_job_change", args=(job.pk,))):
        assert "/history/" not in page(chief, address)
    own = reverse("admin:modelregistry_registeredmodel_change", args=(version.model_id,))
    assert "/history/" in page(chief, own)
