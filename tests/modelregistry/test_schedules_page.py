"""The page of schedules: staff say which model and when in words, beat reads rows and JSON."""

import json
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.contrib.messages import get_messages
from django.http import HttpResponse
from django.test import Client
from django.urls import NoReverseMatch, reverse
from django_celery_beat.models import CrontabSchedule, IntervalSchedule, PeriodicTask, PeriodicTasks

from jobs.services import submit
from modelregistry import services
from modelregistry.artifacts import LocalFolder
from modelregistry.models import ScheduledRetraining
from tests.modelregistry.trained import onnx_version, tree_file, tree_version

pytestmark = [pytest.mark.django_db, pytest.mark.database]
LIST = reverse("admin:modelregistry_scheduledretraining_changelist")
ADD = reverse("admin:modelregistry_scheduledretraining_add")
WORDS = (
    "view_scheduledretraining", "add_scheduledretraining", "change_scheduledretraining",
    "delete_scheduledretraining",
)  # fmt: skip


def clerk(*more: str) -> Client:
    user = User.objects.create_user("clerk", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=[*WORDS, *more]))
    client = Client()
    client.force_login(user)
    return client


def clerk_without_rights() -> Client:
    client = Client()
    client.force_login(User.objects.create_user("guest", is_staff=True))
    return client


@pytest.fixture
def chief() -> Client:
    return clerk("retrain_registeredmodel", "promote_modelversion")


def answers(model: int, **changed: Any) -> dict[str, Any]:
    given = {"retrained": model, "every": "6", "period": "hours", "at": "", "enabled": "on"}
    return {**given, "promote_if_better_by": "", **changed}


@pytest.fixture
def plants() -> int:
    """A model that keeps rows to learn from."""
    return int(tree_version().model_id)


def faults(answer: HttpResponse) -> str:
    return str(answer.context_data["errors"])  # type: ignore[attr-defined]


def test_a_schedule_in_words_is_what_beat_reads(chief: Client, plants: int) -> None:
    answer = chief.post(ADD, answers(plants, promote_if_better_by="0.01"))
    assert answer.status_code == 302, faults(answer)
    row = PeriodicTask.objects.get()
    assert (row.task, row.enabled, row.args) == ("retrain_model_task", True, "[]")
    assert json.loads(row.kwargs) == {"model": "plants", "promote_if_better_by": 0.01}
    assert json.loads(row.headers) == {"owner": User.objects.get().pk}
    assert (row.interval.every, row.interval.period, row.crontab) == (6, "hours", None)
    assert row.name == "plants, every 6 hours"
    assert PeriodicTasks.last_change() is not None
    listed = chief.get(LIST).content.decode()
    for shown in ("plants", "every 6 hours", "if better by 0.01", "none yet"):
        assert shown in listed


def test_times_may_be_given_as_cron_writes_them(chief: Client, plants: int) -> None:
    given = answers(plants, every="", at="30 3 * * 1")
    assert chief.post(ADD, given).status_code == 302
    row = ScheduledRetraining.objects.get()
    cron = row.crontab
    assert (cron.minute, cron.hour, cron.day_of_week, str(cron.timezone)) == ("30", "3", "1", "UTC")
    assert json.loads(row.kwargs) == {"model": "plants"}
    assert row.rhythm == "At 03:30 AM, only on Monday"
    assert "by hand" in chief.get(LIST).content.decode()


def test_a_schedule_is_changed_where_its_answers_stand(chief: Client, plants: int) -> None:
    chief.post(ADD, answers(plants, promote_if_better_by="0.25"))
    row = ScheduledRetraining.objects.get()
    page = reverse("admin:modelregistry_scheduledretraining_change", args=[row.pk])
    form = chief.get(page).context_data["adminform"].form  # type: ignore[attr-defined]
    stood = {name: form[name].value() for name in ("every", "period", "promote_if_better_by")}
    assert stood == {"every": 6, "period": "hours", "promote_if_better_by": 0.25}
    assert chief.post(page, answers(plants, every="", at="0 0 1 * *")).status_code == 302
    row.refresh_from_db()
    assert (row.interval, row.margin, row.crontab.day_of_month) == (None, None, "1")
    form = chief.get(page).context_data["adminform"].form  # type: ignore[attr-defined]
    assert form["at"].value() == "0 0 1 * *"


def test_schedules_of_one_rhythm_share_its_row(chief: Client, plants: int) -> None:
    other = tree_version("oaks").model_id
    for model in (plants, other):
        for facts in ({}, {"every": "", "at": "0 3 * * *"}):
            assert chief.post(ADD, answers(model, **facts)).status_code == 302
    assert PeriodicTask.objects.count() == 4
    assert (IntervalSchedule.objects.count(), CrontabSchedule.objects.count()) == (1, 1)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"every": "", "at": ""}, "Fill in either"),
        ({"at": "0 3 * * *"}, "Fill in either"),
        ({"every": "0"}, "greater than or equal to 1"),
        ({"every": "4000"}, "less than or equal to 3650"),
        ({"period": "seconds"}, "Select a valid choice"),
        ({"every": "", "at": "0 3 * *"}, "It takes five places"),
        ({"every": "", "at": "٣ 3 * * *"}, "It takes five places"),
        ({"every": "", "at": "61 3 * * *"}, "These are no times"),
        ({"every": "", "at": "*/0 * * * *"}, "These are no times"),
        ({"every": "", "at": "a b c d e"}, "These are no times"),
        ({"every": "", "at": "0 0 31 2 *"}, "These are no times"),  # never
        ({"promote_if_better_by": "-1"}, "greater than or equal to 0"),
        ({"promote_if_better_by": "nan"}, "Enter a number"),
        ({"retrained": ""}, "This field is required"),
    ],
)
def test_what_makes_no_sense_is_said_beside_its_field(
    chief: Client, plants: int, changed: dict[str, str], said: str
) -> None:
    answer = chief.post(ADD, answers(plants, **changed))
    assert answer.status_code == 200
    assert said in faults(answer)
    assert "must be set" not in faults(answer)  # beat's word of a row that was not filled in
    assert not PeriodicTask.objects.exists()


def test_the_same_twice_is_told_so(chief: Client, plants: int) -> None:
    chief.post(ADD, answers(plants))
    assert "There is a schedule of this model" in faults(chief.post(ADD, answers(plants)))
    assert PeriodicTask.objects.count() == 1


def test_a_model_that_cannot_be_retrained_cannot_be_scheduled(chief: Client) -> None:
    bare = services.register_version(model_name="bare", data=tree_file(), create_missing=True)
    for version, said in ((onnx_version(), "came as ONNX"), (bare, "keeps no rows with targets")):
        assert said in faults(chief.post(ADD, answers(version.model_id)))


@pytest.mark.parametrize("written", [" {}", "{} ", "0{}"])
def test_however_its_key_is_written_that_model_is_refused(chief: Client, written: str) -> None:
    bare = services.register_version(model_name="bare", data=tree_file(), create_missing=True)
    given = answers(bare.model_id, retrained=written.format(bare.model_id))
    assert "keeps no rows with targets" in faults(chief.post(ADD, given))


@pytest.mark.parametrize("key", ["9" * 5000, "9" * 30, "٣", "x", "\0", "-1"])
def test_a_key_of_no_model_is_no_choice(chief: Client, key: str) -> None:
    assert chief.post(ADD, answers(0, retrained=key)).status_code == 200
    assert clerk_without_rights().post(ADD, answers(0, retrained=key)).status_code == 403


def test_the_rows_of_a_model_are_looked_at_only_for_who_may_save(
    plants: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []
    monkeypatch.setattr(LocalFolder, "open", lambda _, name: opened.append(name))
    client = clerk_without_rights()
    assert client.post(ADD, answers(plants)).status_code == 403
    assert opened == []


def test_who_may_not_promote_cannot_schedule_promotions(plants: int) -> None:
    client = clerk("retrain_registeredmodel")
    answer = client.post(ADD, answers(plants, promote_if_better_by="0"))
    assert "You may not let a version serve" in faults(answer)
    assert client.post(ADD, answers(plants)).status_code == 302


def test_who_may_not_retrain_cannot_schedule_it(plants: int) -> None:
    client = clerk("promote_modelversion")
    assert client.get(ADD).status_code == 403
    assert client.post(ADD, answers(plants)).status_code == 403
    assert client.get(LIST).status_code == 200


def test_schedules_are_paused_resumed_and_deleted(chief: Client, plants: int) -> None:
    for every in ("1", "2"):
        chief.post(ADD, answers(plants, every=every))
    chosen = list(PeriodicTask.objects.values_list("pk", flat=True))
    for action, enabled, said in (("pause", False, "Paused: 2."), ("resume", True, "Resumed: 2.")):
        answer = chief.post(LIST, {"action": action, "_selected_action": chosen})
        assert said in [str(m) for m in get_messages(answer.wsgi_request)]  # type: ignore[attr-defined]
        assert set(PeriodicTask.objects.values_list("enabled", flat=True)) == {enabled}
    before = PeriodicTasks.last_change()
    gone = {"action": "delete_selected", "_selected_action": chosen, "post": "yes"}
    assert chief.post(LIST, gone).status_code == 302
    assert not PeriodicTask.objects.exists()
    assert PeriodicTasks.last_change() > before  # beat hears of it


def test_who_resumes_a_schedule_answers_for_it(chief: Client, plants: int) -> None:
    chief.post(ADD, answers(plants, promote_if_better_by="0"))
    row = ScheduledRetraining.objects.get()
    made = row.headers
    other = User.objects.create_user("other", is_staff=True)
    words = (*WORDS, "retrain_registeredmodel")  # and no promotion
    other.user_permissions.set(Permission.objects.filter(codename__in=words))
    client = Client()
    client.force_login(other)
    for action, headers in (("pause", made), ("resume", json.dumps({"owner": other.pk}))):
        client.post(LIST, {"action": action, "_selected_action": [row.pk]})
        row.refresh_from_db()
        assert row.headers == headers
    chief.post(LIST, {"action": "resume", "_selected_action": [row.pk]})  # which runs already
    row.refresh_from_db()
    assert row.headers == headers


def test_the_last_job_is_shown_or_why_there_was_none(chief: Client, plants: int) -> None:
    chief.post(ADD, answers(plants))
    job = submit(kind="retrain_model_task", params={"model": "plants"}, origin="schedule")
    shown = chief.get(LIST).content.decode()
    assert reverse("admin:jobs_job_change", args=[job.pk]) in shown
    assert "queued" in shown
    PeriodicTask.objects.update(description="2026-11-26 03:30: nothing was started. So it is.")
    assert "nothing was started. So it is." in chief.get(LIST).content.decode()


def test_schedules_of_other_tasks_are_nobodys_to_edit(chief: Client) -> None:
    hour = IntervalSchedule.objects.create(every=1, period="hours")
    raw = PeriodicTask.objects.create(name="raw", task="celery.chord", interval=hour)
    page = reverse("admin:modelregistry_scheduledretraining_change", args=[raw.pk])
    assert chief.get(page).status_code == 302  # to the front: there is no such schedule
    for name in ("periodictask", "crontabschedule", "intervalschedule", "clockedschedule"):
        with pytest.raises(NoReverseMatch):
            reverse(f"admin:django_celery_beat_{name}_changelist")


def test_the_sidebar_leads_there(chief: Client) -> None:
    front = chief.get(reverse("admin:index")).content.decode()
    assert f'href="{LIST}"' in front
    assert "Schedules" in front
