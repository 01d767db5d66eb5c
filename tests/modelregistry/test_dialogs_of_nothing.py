"""The admin's buttons at addresses of what is not there: 404, whoever may press them."""

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

pytestmark = [pytest.mark.django_db, pytest.mark.database]
SUBMITTED = {"_form_submitted": "on"}
BUTTONS = [
    *(
        f"registeredmodel_{action}"
        for action in (
            "rollback_model",
            "convert_model_task",
            "load_test_task",
            "retrain_model_task",
            "hand_in_version",
            "compare_versions",
        )
    ),
    *(
        f"modelversion_{action}"
        for action in ("convert_version", "promote_version", "point_alias", "take_alias")
    ),
]
NOTHING = ("abc", "999", str(10**30), "1_2F2")


def address(button: str, object_id: str) -> str:
    return reverse(f"admin:modelregistry_{button}", args=(object_id,))


@pytest.mark.parametrize("button", BUTTONS)
def test_a_button_of_nothing_is_404(client: Client, button: str) -> None:
    client.force_login(User.objects.create_superuser("chief"))
    for object_id in NOTHING:
        where = address(button, object_id)
        answers = (client.get(where), client.post(where), client.post(where, SUBMITTED))
        assert [answer.status_code for answer in answers] == [404] * 3, object_id


@pytest.mark.parametrize("button", BUTTONS)
def test_who_may_not_press_it_is_not_told_what_is_there(client: Client, button: str) -> None:
    client.force_login(User.objects.create_user("clerk", is_staff=True))
    for object_id in NOTHING:
        assert client.post(address(button, object_id), SUBMITTED).status_code == 403
