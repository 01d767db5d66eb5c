"""Aliases, rollback and history in REST."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils.dateparse import parse_datetime
from django.utils.http import urlencode

from modelregistry import services
from modelregistry.models import Alias, AliasChange, ModelVersion
from tests.modelregistry.rest.conftest import Clerk
from tests.modelregistry.trained import tree_version

pytestmark = [pytest.mark.django_db, pytest.mark.database]
PLANTS = "/api/v1/models/plants/"
CHAMPION, CHALLENGER = f"{PLANTS}aliases/champion/", f"{PLANTS}aliases/challenger/"
ROLLBACK, HISTORY = f"{PLANTS}rollback/", f"{PLANTS}history/"
JSON = "application/json"


@pytest.fixture
def versions() -> list[ModelVersion]:
    return [tree_version(depth=depth) for depth in (1, 2, 3)]


def test_putting_the_champion_is_promotion(chief: Client, versions: list[ModelVersion]) -> None:
    first = chief.put(CHAMPION, {"version": 1}, JSON)
    second = chief.put(CHAMPION, {"version": 3, "reason": "deeper"}, JSON)
    assert (first.status_code, second.status_code) == (200, 200)
    assert first.json() == {"alias": "champion", "version": 1, "previous": None}
    assert second.json() == {"alias": "champion", "version": 3, "previous": 1}
    assert [live.version for live in Alias.objects.champions()] == [3]
    change = AliasChange.objects.latest("pk")
    assert (change.actor, change.reason) == (User.objects.get(), "deeper")


def test_putting_the_same_twice_answers_the_same(
    chief: Client, versions: list[ModelVersion]
) -> None:
    chief.put(CHAMPION, {"version": 1}, JSON)
    answers = [chief.put(CHAMPION, {"version": 2}, JSON).json() for _ in range(2)]
    assert answers == [{"alias": "champion", "version": 2, "previous": 1}] * 2
    assert AliasChange.objects.count() == 2


def test_a_free_name_comes_and_goes(chief: Client, versions: list[ModelVersion]) -> None:
    assert chief.put(CHALLENGER, {"version": 2}, JSON).json() == {
        "alias": "challenger", "version": 2, "previous": None,
    }  # fmt: skip
    assert chief.get(PLANTS).json()["aliases"] == {"challenger": 2}
    gone = chief.delete(CHALLENGER)
    assert (gone.status_code, gone.content) == (204, b"")
    assert chief.get(PLANTS).json()["aliases"] == {}
    again = chief.delete(CHALLENGER)
    assert (again.status_code, again.json()["code"]) == (404, "unknown_alias")


def test_the_champion_is_not_taken_away(chief: Client, versions: list[ModelVersion]) -> None:
    services.promote(version=versions[0])
    answer = chief.delete(CHAMPION)
    assert (answer.status_code, answer.json()["code"]) == (409, "still_serving")
    assert chief.get(PLANTS).json()["champion"] == 1


@pytest.mark.parametrize("alias", ["7", "Big", "a b", "-a", "a..%2f", "x" * 65, "%00", "é"])
def test_a_name_that_is_none_is_400(
    chief: Client, versions: list[ModelVersion], alias: str
) -> None:
    answer = chief.put(f"{PLANTS}aliases/{alias}/", {"version": 1}, JSON)
    assert answer.status_code in {400, 404}
    assert not Alias.objects.exists()
    assert chief.delete(f"{PLANTS}aliases/{alias}/").status_code in {400, 404}


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ("{", 400, "malformed"),
        ("", 422, "wrong_input"),
        ("{}", 422, "wrong_input"),
        ('{"version": 0}', 422, "wrong_input"),
        ('{"version": "1"}', 422, "wrong_input"),
        ('{"version": true}', 422, "wrong_input"),
        ('{"version": 1e30}', 422, "wrong_input"),
        ('{"version": 1, "why": "so"}', 422, "wrong_input"),
        ('{"version": 1, "reason": "a\\u0000b"}', 422, "wrong_input"),
        ('{"version": 9}', 404, "unknown_version"),
    ],
)
def test_a_body_that_does_not_fit_moves_nothing(
    chief: Client, versions: list[ModelVersion], body: str, status: int, code: str
) -> None:
    answer = chief.put(CHAMPION, body, JSON)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert not AliasChange.objects.exists()


def test_a_version_that_may_not_serve_is_409_with_why(
    chief: Client, versions: list[ModelVersion]
) -> None:
    ModelVersion.objects.filter(number=1).update(state="pending")
    answer = chief.put(CHAMPION, {"version": 1}, JSON)
    assert (answer.status_code, answer.json()["code"]) == (409, "not_promotable")
    assert answer.json()["detail"] == "plants:1 cannot serve: it is pending, not ready."


@pytest.mark.parametrize("body", [None, {}, {"reason": "it drifts"}])
def test_a_rollback_brings_back_what_was_before(
    chief: Client, versions: list[ModelVersion], body: object
) -> None:
    for version in versions:
        services.promote(version=version)
    first = chief.generic("POST", ROLLBACK) if body is None else chief.post(ROLLBACK, body, JSON)
    assert first.json() == {"alias": "champion", "version": 2, "previous": 3}
    assert chief.post(ROLLBACK, "", "application/x-www-form-urlencoded").json() == {
        "alias": "champion", "version": 1, "previous": 2,
    }  # fmt: skip
    nothing = chief.generic("POST", ROLLBACK)
    assert (nothing.status_code, nothing.json()["code"]) == (409, "nothing_before")
    assert nothing.json()["detail"] == "There is nothing before plants:1 to go back to."
    assert chief.get(PLANTS).json()["champion"] == 1


def test_history_is_every_change_the_newest_first(
    chief: Client, versions: list[ModelVersion]
) -> None:
    services.promote(version=versions[0])
    chief.put(CHALLENGER, {"version": 2, "reason": "try it"}, JSON)
    chief.delete(CHALLENGER)
    listed = chief.get(HISTORY).json()
    assert (listed["next"], listed["previous"]) == (None, None)
    times = [line.pop("at") for line in listed["results"]]
    assert times == sorted(times, reverse=True)
    assert all(at.endswith("Z") for at in times)
    assert listed["results"] == [
        {"alias": "challenger", "version": None, "previous": 2, "actor": "chief", "reason": ""},
        {
            "alias": "challenger", "version": 2, "previous": None, "actor": "chief",
            "reason": "try it",
        },
        {"alias": "champion", "version": 1, "previous": None, "actor": None, "reason": ""},
    ]  # fmt: skip


def test_pages_of_history_follow_one_another(chief: Client, versions: list[ModelVersion]) -> None:
    lines = AliasChange.objects.bulk_create(
        AliasChange(model=versions[0].model, alias="champion", version=versions[0], reason=str(n))
        for n in range(150)
    )
    first = chief.get(HISTORY).json()
    second = chief.get(first["next"]).json()
    reasons = [line["reason"] for line in (*first["results"], *second["results"])]
    assert reasons == [line.reason for line in reversed(lines)]
    assert second["next"] is None
    assert chief.get(f"{HISTORY}?cursor=cD1ub3doZXJl").status_code == 404


def then(client: Client, at: object) -> dict[str, object]:
    answer = client.get(f"{HISTORY}?{urlencode({'at': at})}")
    assert answer.status_code == 200, answer.content
    return answer.json()  # type: ignore[no-any-return]


def test_history_knows_which_version_was_champion_when(
    chief: Client, versions: list[ModelVersion]
) -> None:
    moves = [services.promote(version=version).at for version in versions[:2]]
    services.move_alias(version=versions[2], alias="challenger")
    before, between, after = moves[0] - timedelta(hours=1), moves[0], moves[1]
    assert [then(chief, at.isoformat())["version"] for at in (before, between, after)] == [
        None, 1, 2,
    ]  # fmt: skip
    answered = then(chief, after.isoformat())["at"]
    assert parse_datetime(str(answered)) == after


def test_a_time_may_come_in_any_zone_and_with_a_plus_that_became_a_space(
    chief: Client, versions: list[ModelVersion]
) -> None:
    assert then(chief, "2026-01-31T14:00:00+02:00")["at"] == "2026-01-31T12:00:00Z"
    answer = chief.get(f"{HISTORY}?at=2026-01-31T14:00:00+02:00")
    assert answer.json()["at"] == "2026-01-31T12:00:00Z"


@pytest.mark.parametrize(
    "at", ["", "yesterday", "2026-01-31", "2026-01-31T12:00:00", "0001-01-01T00:00:00+14:00", "1"]
)
def test_a_wrong_time_is_400(chief: Client, versions: list[ModelVersion], at: str) -> None:
    answer = chief.get(f"{HISTORY}?{urlencode({'at': at})}")
    assert (answer.status_code, answer.json()["code"]) == (400, "malformed")
    assert "with its zone" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [("put", CHAMPION, {"version": 2}), ("delete", CHALLENGER, {}), ("post", ROLLBACK, {})],
)
def test_moving_needs_the_permission_to_let_a_version_serve(
    clerk: Clerk, versions: list[ModelVersion], method: str, path: str, body: object
) -> None:
    for version in (versions[0], versions[2]):
        services.promote(version=version)
    services.move_alias(version=versions[0], alias="challenger")
    reader = clerk("change_registeredmodel", "add_modelversion", "convert_modelversion")
    refused = getattr(reader, method)(path, body, JSON)
    assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")
    assert reader.get(HISTORY).status_code == 200
    User.objects.all().delete()
    assert getattr(clerk("promote_modelversion"), method)(path, body, JSON).status_code < 300


@pytest.mark.parametrize(
    ("method", "path"),
    [("put", "aliases/champion/"), ("delete", "aliases/x/"), ("post", "rollback/"),
     ("get", "history/")],
)  # fmt: skip
def test_of_a_model_that_is_not_there_all_is_404(chief: Client, method: str, path: str) -> None:
    answer = getattr(chief, method)(f"/api/v1/models/zebra/{path}", {"version": 1}, JSON)
    if method == "post":
        answer = chief.generic("POST", f"/api/v1/models/zebra/{path}")
    assert (answer.status_code, answer.json()["code"]) == (404, "unknown_model")
    assert getattr(Client(), method)(f"/api/v1/models/zebra/{path}").status_code == 401
