"""Each change leaves one entry: who, what, which, when and from where, whichever way it came."""

from collections.abc import Callable

import pytest
from auditlog.models import LogEntry
from django.contrib.auth.models import Group, Permission, User
from django.core.management import call_command
from django.db import transaction
from django.test import Client
from django.urls import reverse

from jobs import services as jobs
from jobs.execution import claim, end, run
from jobs.kinds import find
from jobs.models import Job, Line
from mlapi.auth import keys
from mlapi.models import ApiKey
from modelregistry import services
from modelregistry.models import ModelVersion, RegisteredModel
from tests.modelregistry.trained import tree_version

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.database]
HERE = "203.0.113.7"
FORGED = "198.51.100.1"
FORM = {"_form_submitted": "on"}


@pytest.fixture
def chief() -> User:
    return User.objects.create_superuser("chief", email="chief@example.org")


@pytest.fixture
def admin(chief: User) -> Client:
    """As the chief is signed in; a header that anybody can send says another address."""
    client = Client(REMOTE_ADDR=HERE, headers={"X-Forwarded-For": FORGED})
    client.force_login(chief)
    return client


@pytest.fixture
def rest(chief: User) -> Client:
    """The chief's key, and no session."""
    _, token = ApiKey.objects.create(chief, name="pipeline")
    keys.read()
    headers = {"X-Forwarded-For": FORGED, "Authorization": f"Bearer {token}"}
    return Client(REMOTE_ADDR=HERE, headers=headers)


def entries_of(change: Callable[[], object]) -> list[LogEntry]:
    """What this leaves, oldest first."""
    last = LogEntry.objects.order_by("pk").last()
    change()
    return list(LogEntry.objects.filter(pk__gt=last.pk if last else 0).order_by("pk"))


def told(entry: LogEntry) -> tuple[object, ...]:
    who = entry.actor.username if entry.actor else None
    return who, entry.get_action_display(), entry.content_type.model, entry.remote_addr


def ok(answer: object, status: int = 200) -> None:
    assert answer.status_code == status, answer.content  # type: ignore[attr-defined]


def test_a_model_is_made_changed_and_archived_over_rest(rest: Client) -> None:
    url = "/api/v1/models/"
    json = "application/json"
    made = entries_of(lambda: ok(rest.post(url, {"name": "plants"}, json), 201))
    changed = entries_of(
        lambda: ok(rest.patch(f"{url}plants/", {"description": "of a garden"}, json))
    )
    gone = entries_of(lambda: ok(rest.delete(f"{url}plants/"), 204))
    assert [told(each) for each in made] == [("chief", "create", "registeredmodel", HERE)]
    assert [told(each) for each in changed] == [("chief", "update", "registeredmodel", HERE)]
    assert changed[0].changes == {"description": ["", "of a garden"]}
    assert [told(each) for each in gone] == [("chief", "update", "registeredmodel", HERE)]
    assert set(gone[0].changes) == {"archived_at"}


def test_whom_a_model_is_for_is_told(rest: Client) -> None:
    Group.objects.create(name="botany")
    ok(rest.post("/api/v1/models/", {"name": "plants"}, "application/json"), 201)
    wanted = {"visibility": "groups", "groups": ["botany"]}
    entries = entries_of(
        lambda: ok(rest.patch("/api/v1/models/plants/", wanted, "application/json"))
    )
    assert {told(each) for each in entries} == {("chief", "update", "registeredmodel", HERE)}
    changes = {name: change for each in entries for name, change in each.changes.items()}
    assert changes["visibility"] == ["signed-in", "groups"]
    assert (changes["groups"]["operation"], changes["groups"]["objects"]) == ("add", ["botany"])


def test_aliases_move_over_rest_in_the_admin_and_by_command(admin: Client, rest: Client) -> None:
    first, second = tree_version(depth=1), tree_version(depth=2)
    rolled = reverse("admin:modelregistry_registeredmodel_rollback_model", args=[first.model_id])
    address = "/api/v1/models/plants/aliases/champion/"

    def move(number: int) -> object:
        return rest.put(address, {"version": number}, "application/json")

    assert [told(each) for each in entries_of(lambda: ok(move(first.number)))] == [
        ("chief", "create", "alias", HERE)
    ]
    (moved,) = entries_of(lambda: ok(move(second.number)))
    assert told(moved) == ("chief", "update", "alias", HERE)
    assert moved.object_repr == "plants@champion"
    assert moved.changes == {"version": ["plants:1", "plants:2"]}
    (back,) = entries_of(lambda: admin.post(rolled, FORM))
    assert told(back) == ("chief", "update", "alias", HERE)
    again = ("promote_model", "plants", "--model-version", "2")
    (by_command,) = entries_of(lambda: promote(*again))
    assert told(by_command) == (None, "update", "alias", None)
    other = f"{address.replace('champion', 'canary')}"
    rest.put(other, {"version": 1}, "application/json")
    (taken,) = entries_of(lambda: ok(rest.delete(other), 204))
    assert told(taken) == ("chief", "delete", "alias", HERE)


def promote(*_words: str) -> None:
    """As the command calls it: nobody's request."""
    services.promote(version=ModelVersion.objects.find("plants", 2))


def test_a_version_is_registered_by_a_command_with_its_model() -> None:
    made = entries_of(tree_version)
    kinds = [told(each) for each in made]
    assert kinds.count((None, "create", "registeredmodel", None)) == 1
    assert kinds.count((None, "create", "modelversion", None)) == 1
    assert len(made) == len({(each.content_type_id, each.action) for each in made})


def test_a_key_is_made_and_revoked_and_its_digest_is_nowhere(admin: Client, chief: User) -> None:
    add, listed = reverse("admin:mlapi_apikey_add"), reverse("admin:mlapi_apikey_changelist")
    (made,) = entries_of(lambda: admin.post(add, {"name": "nightly", "user": chief.pk}))
    key = ApiKey.objects.get(name="nightly")
    chosen = {"action": "revoke", "_selected_action": [key.pk]}
    (revoked,) = entries_of(lambda: admin.post(listed, chosen))
    (by_command,) = entries_of(lambda: call_command("create_api_key", "chief"))
    assert told(made) == ("chief", "create", "apikey", HERE)
    assert told(revoked) == ("chief", "update", "apikey", HERE)
    assert told(by_command) == (None, "create", "apikey", None)
    assert made.object_pk == revoked.object_pk == key.token_key
    rows = str(list(LogEntry.objects.values()))
    assert all(each.digest not in rows for each in ApiKey.objects.all())


def test_what_a_models_first_version_says_it_does_is_told() -> None:
    model = services.create_model(name="plants", task="")

    def settle(task: str) -> list[LogEntry]:
        with transaction.atomic():
            return entries_of(
                lambda: RegisteredModel.objects.settle_task(model, task, certain=True)
            )

    (entry,) = settle("regression")
    assert told(entry) == (None, "update", "registeredmodel", None)
    assert entry.changes == {"task": ["", "regression"]}
    assert settle("regression") == []


def test_keys_that_are_deleted_are_told_each(admin: Client) -> None:
    eve = User.objects.create_user("eve")
    named = {name: ApiKey.objects.create(eve, name=name)[0] for name in ("a", "b", "c")}
    chosen = {"action": "delete_selected", "post": "yes", "_selected_action": [named["a"].pk]}
    listed, owner = reverse("admin:mlapi_apikey_changelist"), "admin:auth_user_delete"

    def keys_gone(change: Callable[[], object]) -> list[tuple[object, ...]]:
        gone = [each for each in entries_of(change) if each.content_type.model == "apikey"]
        return [(*told(each), each.object_pk) for each in gone]

    by_chief = ("chief", "delete", "apikey", HERE)
    assert keys_gone(lambda: admin.post(listed, chosen)) == [(*by_chief, named["a"].token_key)]
    assert keys_gone(named["b"].delete) == [(None, "delete", "apikey", None, named["b"].token_key)]
    with_owner = keys_gone(lambda: admin.post(reverse(owner, args=[eve.pk]), {"post": "yes"}))
    assert with_owner == [(*by_chief, named["c"].token_key)]
    assert not ApiKey.objects.exists()


def test_a_user_and_membership_change_and_no_password_shows(admin: Client) -> None:
    group = Group.objects.create(name="operators")
    eve = User.objects.create_user("eve", password="first-secret-4711")
    (joined,) = entries_of(lambda: eve.groups.add(group))
    assert joined.changes == {
        "groups": {"type": "m2m", "operation": "add", "objects": ["operators"]}
    }
    page = reverse("admin:auth_user_password_change", args=[eve.pk])
    both = {f"password{at}": "another-secret-4711" for at in (1, 2)}
    (changed,) = entries_of(lambda: admin.post(page, both | {"usable_password": "true"}))
    assert told(changed) == ("chief", "update", "user", HERE)
    assert changed.changes == {"password": ["***", "***"]}
    (granted,) = entries_of(
        lambda: group.permissions.add(Permission.objects.get(codename="view_job"))
    )
    assert told(granted) == (None, "update", "group", None)


def test_signing_in_and_using_a_key_leave_nothing(rest: Client, chief: User) -> None:
    chief.set_password("only-for-this-test")
    chief.save()
    form = {"username": "chief", "password": "only-for-this-test"}
    assert entries_of(lambda: ok(Client().post("/admin/login/", form), 302)) == []
    assert entries_of(lambda: ok(rest.get("/api/v1/models/"))) == []


def test_a_job_is_submitted_cancelled_and_retried(rest: Client, chief: User) -> None:
    version = tree_version()
    url = f"/api/v1/models/plants/versions/{version.number}/convert/"
    (submitted,) = entries_of(lambda: ok(rest.post(url, {}, "application/json"), 202))
    job = Job.objects.get(pk=submitted.object_pk)
    assert told(submitted) == ("chief", "create", "job", HERE)
    assert submitted.changes["kind"] == ["", job.kind]

    def act(how: str) -> object:
        return rest.post(f"/api/v1/jobs/{job.pk}/{how}/", {}, "application/json")

    (cancelled,) = entries_of(lambda: ok(act("cancel"), 202))
    assert told(cancelled) == ("chief", "update", "job", HERE)
    (retried,) = entries_of(lambda: ok(act("retry"), 202))
    assert told(retried) == ("chief", "create", "job", HERE)
    assert retried.changes["retry of"] == ["", str(job.pk)]


def test_a_job_acts_for_its_owner(chief: User) -> None:
    version = tree_version()
    ModelVersion.objects.filter(pk=version.pk).update(
        state="converting", onnx_sha256="", runtime="sklearn"
    )
    params = {"model": "plants", "version": version.number}
    job = jobs.submit(kind="convert_model_task", params=params, owner=chief)
    (made,) = entries_of(lambda: run(job, find(job.kind), worker="here"))
    assert told(made) == ("chief", "update", "modelversion", None)
    assert made.additional_data == {"job": str(job.pk)}
    assert made.changes["state"] == ["converting", "ready"]


def test_a_change_that_is_rolled_back_leaves_nothing(chief: User) -> None:
    def undone() -> None:
        with transaction.atomic():
            services.create_model(name="plants", task="")
            transaction.set_rollback(True)

    assert entries_of(undone) == []
    assert not RegisteredModel.objects.exists()


def test_a_thousand_jobs_lives_leave_their_submits_and_predictions_nothing() -> None:
    tree_version()

    def lives(kind: str, params: dict[str, object], count: int) -> None:
        for _ in range(count):
            job = jobs.submit(kind=kind, params=params)
            assert claim(job, worker="here")
            line = Line("Succeeded.", job.created_at)
            Job.objects.keep(job, [line], heartbeat_at=job.created_at, progress_done=1)
            assert end(job, "succeeded", line, result={})

    converted = {"model": "plants", "version": 1}
    made = entries_of(lambda: lives("convert_model_task", converted, 500))
    assert len(made) == 500
    assert {told(each)[1:3] for each in made} == {("create", "job")}
    row = {"features": [5.1, 3.5, 1.4, 0.2]}
    assert entries_of(lambda: lives("predict_task", row, 500)) == []
