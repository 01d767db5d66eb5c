"""Champion over time: the chart's geometry, what it says, and where it stops drawing."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from modelregistry import services
from modelregistry.admin.timeline import LANE_PX, MOST_LANES, MOST_STEPS, Timeline, timeline_of
from modelregistry.models import AliasChange, ModelVersion, RegisteredModel
from tests.modelregistry.trained import tree_version

pytestmark = pytest.mark.django_db
BEGAN = datetime(2026, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.fixture
def model() -> RegisteredModel:
    return services.create_model(name="plants", task="classification")


def versions(model: RegisteredModel, count: int) -> list[ModelVersion]:
    return [
        ModelVersion.objects.create(
            model=model, number=number, source_sha256=f"{number:064}", source_size=1
        )
        for number in range(1, count + 1)
    ]


def promote(version: ModelVersion, at: datetime, reason: str = "") -> AliasChange:
    head = AliasChange.objects.head(version.model_id, "champion")
    return AliasChange.objects.create(
        model=version.model, alias="champion", version=version, at=at, reason=reason,
        back_to=head, previous=head.version if head else None,
    )  # fmt: skip


def roll_back(at: datetime, model: RegisteredModel) -> AliasChange:
    head = AliasChange.objects.head(model.pk, "champion")
    assert head is not None
    assert head.back_to is not None
    goal = head.back_to
    return AliasChange.objects.create(
        model=model, alias="champion", version=goal.version, at=at, back_to=goal.back_to,
        previous=head.version, reason="Rolled back.",
    )  # fmt: skip


def shown(model: RegisteredModel, now: datetime) -> Timeline:
    found = timeline_of(model, now)
    assert found is not None
    return found


def test_each_move_begins_a_step_in_its_versions_lane(model: RegisteredModel) -> None:
    one, two = versions(model, 2)
    promote(one, BEGAN)
    promote(two, BEGAN + HOUR)
    roll_back(BEGAN + 3 * HOUR, model)
    chart = shown(model, BEGAN + 4 * HOUR)
    low, high = LANE_PX * 1.5, LANE_PX * 0.5
    assert (chart.lanes, chart.height) == ((2, 1), 2 * LANE_PX)
    assert [(step.left, step.right, step.y) for step in chart.steps] == [
        ("0.000%", "25.000%", low), ("25.000%", "75.000%", high), ("75.000%", "100.000%", low),
    ]  # fmt: skip
    assert [step.from_y for step in chart.steps] == [None, low, high]
    assert [step.kind for step in chart.steps] == ["promotion", "promotion", "rollback"]
    assert (chart.now.number, chart.rollbacks, chart.earlier) == (1, 1, 0)


def test_a_step_says_what_how_long_by_whom_and_why(model: RegisteredModel) -> None:
    one, two = versions(model, 2)
    promote(one, BEGAN)
    promote(two, BEGAN + HOUR, reason="deeper")
    first, second = shown(model, BEGAN + 3 * HOUR).steps
    assert first.words.replace("\xa0", " ") == (
        "Version 1, 2026-01-01 00:00:00 to 2026-01-01 01:00:00 (1 hour). Promoted by the operator."
    )
    assert second.words.startswith("Version 2, 2026-01-01 01:00:00 to now (")
    assert second.words.endswith("Promoted by the operator. deeper")


def test_a_move_of_this_very_moment_is_drawn(model: RegisteredModel) -> None:
    promote(versions(model, 1)[0], BEGAN)
    (step,) = shown(model, BEGAN).steps
    assert (step.left, step.right) == ("0.000%", "0.000%")


def test_other_aliases_are_not_drawn(model: RegisteredModel) -> None:
    (one,) = versions(model, 1)
    AliasChange.objects.create(model=model, alias="challenger", version=one)
    assert timeline_of(model, BEGAN) is None


def test_of_many_versions_the_newest_are_drawn_and_the_rest_counted(
    model: RegisteredModel,
) -> None:
    for version in versions(model, MOST_LANES + 5):
        promote(version, BEGAN + version.number * HOUR)
    chart = shown(model, BEGAN + 100 * HOUR)
    assert len(chart.lanes) == len(chart.steps) == MOST_LANES
    assert (chart.lanes[0], chart.earlier) == (MOST_LANES + 5, 5)
    assert chart.steps[0].kind == "promotion"


def test_of_many_moves_the_newest_are_drawn_and_the_rest_counted(model: RegisteredModel) -> None:
    one, two = versions(model, 2)
    for number in range(MOST_STEPS + 3):
        promote((one, two)[number % 2], BEGAN + number * HOUR)
    roll_back(BEGAN + 1000 * HOUR, model)
    chart = shown(model, BEGAN + 1001 * HOUR)
    assert (len(chart.steps), chart.earlier) == (MOST_STEPS, 4)
    assert [step.kind for step in chart.steps[:-1]] == ["promotion"] * (MOST_STEPS - 1)
    assert chart.steps[-1].kind == "rollback"


@pytest.fixture
def chief(client: Client) -> Client:
    client.force_login(User.objects.create_superuser("chief"))
    return client


def page(chief: Client, model: RegisteredModel) -> str:
    address = reverse("admin:modelregistry_registeredmodel_change", args=(model.pk,))
    answer = chief.get(address)
    assert answer.status_code == 200
    return answer.content.decode()


def test_a_models_page_draws_it(chief: Client) -> None:
    first, second = tree_version(depth=1), tree_version(depth=2)
    for version in (first, second):
        services.promote(version=version, reason="<b>bold</b>")
    services.rollback(model=first.model)
    html = page(chief, first.model)
    assert len(re.findall("<circle", html)) == 3
    assert "Rolled back by the operator" in html
    assert "&lt;b&gt;bold" in html
    assert "Version 1 has served since" in html


def test_a_model_without_a_champion_says_what_would_be_drawn(chief: Client) -> None:
    html = page(chief, tree_version().model)
    assert "No version of this model has been champion yet." in html
    assert "<circle" not in html
