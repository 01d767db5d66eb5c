"""Aliases: any free name points to a version that may serve, and history keeps every move."""

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from modelregistry import services
from modelregistry.errors import InvalidName, NotPromotable, StillServing, UnknownAlias
from modelregistry.models import Alias, AliasChange, ModelVersion, RegisteredModel, Revision
from tests.modelregistry.trained import tree_version

pytestmark = [pytest.mark.django_db, pytest.mark.database]


def aliases() -> dict[str, int]:
    return {alias.name: alias.version.number for alias in Alias.objects.all()}


@pytest.mark.parametrize("name", ["challenger", "champion", "eu-west", "0.1-beta", "a", "x" * 64])
def test_an_alias_points_where_it_was_moved(name: str) -> None:
    first, second = tree_version(depth=1), tree_version(depth=2)
    actor = User.objects.create_user("grace")
    services.move_alias(version=first, alias=name)
    change = services.move_alias(version=second, alias=name, actor=actor, reason="deeper")
    assert aliases() == {name: 2}
    assert (change.alias, change.version, change.previous) == (name, second, first)
    assert (change.actor, change.reason) == (actor, "deeper")


def test_aliases_move_alone() -> None:
    first, second = tree_version(depth=1), tree_version(depth=2)
    services.promote(version=first)
    services.move_alias(version=second, alias="challenger")
    assert aliases() == {"champion": 1, "challenger": 2}
    assert [live.version for live in Alias.objects.champions()] == [1]


def test_an_alias_that_points_there_already_adds_no_history() -> None:
    version = tree_version()
    first = services.move_alias(version=version, alias="challenger")
    assert services.move_alias(version=version, alias="challenger") == first
    assert AliasChange.objects.count() == 1


@pytest.mark.parametrize("name", ["", "7", "007", "Big", "-x", "a b", "a/b", "x" * 65, "é", "a\n"])
def test_a_name_that_is_none_is_refused(name: str) -> None:
    version = tree_version()
    with pytest.raises(InvalidName, match="An alias has"):
        services.move_alias(version=version, alias=name)
    assert not AliasChange.objects.exists()


@pytest.mark.parametrize("alias", ["champion", "challenger"])
@pytest.mark.parametrize("state", ["pending", "validating", "converting", "rejected", "broken"])
def test_no_alias_points_to_a_version_that_is_not_ready(state: str, alias: str) -> None:
    version = tree_version()
    ModelVersion.objects.update(state=state)
    with pytest.raises(NotPromotable, match=f"plants:1 cannot serve: it is {state}, not ready"):
        services.move_alias(version=version, alias=alias)
    assert not Alias.objects.exists()


def test_a_version_about_which_nothing_is_known_yet_is_refused_and_no_accident() -> None:
    model = services.create_model(name="new", task="")
    version = ModelVersion.objects.create(
        model=model, number=1, source_sha256="0" * 64, source_size=1
    )
    with pytest.raises(NotPromotable, match="it is pending, not ready"):
        services.promote(version=version)


def test_a_version_whose_onnx_form_is_over_the_budget_is_refused() -> None:
    version = tree_version()
    ModelVersion.objects.update(parity={**version.parity, "status": "mismatch"})
    version = ModelVersion.objects.find("plants", 1)
    with pytest.raises(NotPromotable, match="over the parity budget"):
        services.promote(version=version)


def test_a_version_whose_onnx_form_was_not_kept_serves_from_its_source() -> None:
    version = tree_version()
    ModelVersion.objects.update(
        runtime="sklearn", onnx_sha256="", parity={**version.parity, "status": "mismatch"}
    )
    services.promote(version=ModelVersion.objects.find("plants", 1))
    assert aliases() == {"champion": 1}


def test_an_archived_model_moves_no_alias() -> None:
    version = tree_version()
    RegisteredModel.objects.update(archived_at=timezone.now())
    with pytest.raises(NotPromotable, match="archived"):
        services.move_alias(version=version, alias="challenger")


def test_an_alias_that_is_taken_away_leaves_a_line_that_says_so() -> None:
    version = tree_version()
    actor = User.objects.create_user("grace")
    services.move_alias(version=version, alias="challenger")
    revision = Revision.objects.current()
    change = services.remove_alias(
        model=version.model, alias="challenger", actor=actor, reason="the trial is over"
    )
    assert aliases() == {}
    assert (change.version, change.previous, change.actor) == (None, version, actor)
    assert str(change) == "plants@challenger taken away"
    assert Revision.objects.current() != revision


def test_an_alias_that_was_taken_away_may_come_back() -> None:
    version = tree_version()
    services.move_alias(version=version, alias="challenger")
    services.remove_alias(model=version.model, alias="challenger")
    change = services.move_alias(version=version, alias="challenger")
    assert aliases() == {"challenger": 1}
    assert change.previous is None
    assert AliasChange.objects.count() == 3


def test_the_champion_cannot_be_taken_away() -> None:
    version = tree_version()
    services.promote(version=version)
    with pytest.raises(StillServing, match="cannot be taken away: nothing would serve"):
        services.remove_alias(model=version.model, alias="champion")
    assert aliases() == {"champion": 1}
    assert AliasChange.objects.count() == 1


def test_an_alias_that_is_not_there_is_unknown() -> None:
    model = tree_version().model
    for name in ("challenger", "champion"):
        with pytest.raises(UnknownAlias):
            services.remove_alias(model=model, alias=name)
    with pytest.raises(InvalidName):
        services.remove_alias(model=model, alias="7")


def test_a_model_that_serves_is_not_archived_and_one_that_does_not_is() -> None:
    services.promote(version=tree_version("busy"))
    tree_version("idle")
    with pytest.raises(StillServing, match="The model busy serves: version 1 answers"):
        services.archive(name="busy")
    services.archive(name="idle")
    when = RegisteredModel.objects.get(name="idle").archived_at
    services.archive(name="idle")
    assert when is not None
    assert RegisteredModel.objects.get(name="idle").archived_at == when
    assert RegisteredModel.objects.get(name="busy").archived_at is None
