"""Rollback brings back what was champion before, walks further back, and passes over the unfit."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from modelregistry import services
from modelregistry.artifacts import LocalFolder
from modelregistry.errors import NothingBefore, NotPromotable
from modelregistry.models import Alias, AliasChange, ModelVersion, RegisteredModel, Revision
from tests.modelregistry.trained import tree_version

pytestmark = [pytest.mark.django_db, pytest.mark.database]


@pytest.fixture
def four() -> list[ModelVersion]:
    """Versions 1 to 4, each of which has been champion, in this order."""
    versions = [tree_version(depth=depth) for depth in range(1, 5)]
    for version in versions:
        services.promote(version=version)
    return versions


def back() -> int:
    """The version that a rollback brings back."""
    change = services.rollback(model=RegisteredModel.objects.get(name="plants"))
    assert change.version is not None
    assert Alias.objects.get(name="champion").version == change.version
    return change.version.number


@contextmanager
def damaged(version: ModelVersion) -> Iterator[None]:
    """Its file holds something else for a while; the tests share their store."""
    backend = services.store().backend
    assert isinstance(backend, LocalFolder)
    path = backend.path(version.onnx_sha256)
    whole = path.read_bytes()
    path.write_bytes(b"something else")
    try:
        yield
    finally:
        path.write_bytes(whole)


def test_what_was_champion_before_serves_again_and_history_says_who_and_why(
    four: list[ModelVersion],
) -> None:
    actor = User.objects.create_user("grace")
    revision = Revision.objects.current()
    change = services.rollback(model=four[0].model, actor=actor, reason="it drifts")
    assert (change.version, change.previous) == (four[2], four[3])
    assert (change.alias, change.actor, change.reason) == ("champion", actor, "it drifts")
    assert [live.version for live in Alias.objects.champions()] == [3]
    assert Revision.objects.current() != revision


def test_without_a_reason_history_says_what_it_was(four: list[ModelVersion]) -> None:
    assert services.rollback(model=four[0].model).reason == "Rolled back."


def test_repeated_it_walks_further_back_until_there_is_nothing(four: list[ModelVersion]) -> None:
    assert [back(), back(), back()] == [3, 2, 1]
    with pytest.raises(NothingBefore, match="nothing before plants:1 to go back to"):
        back()
    assert AliasChange.objects.count() == 7


def test_a_promotion_resets_the_walk(four: list[ModelVersion]) -> None:
    assert [back(), back()] == [3, 2]
    services.promote(version=four[3])
    assert [back(), back()] == [2, 1]


def test_a_promotion_of_what_rollback_has_brought_back_changes_nothing(
    four: list[ModelVersion],
) -> None:
    assert back() == 3
    services.promote(version=four[2])
    assert back() == 2


def test_what_served_twice_is_met_twice() -> None:
    first, second = tree_version(depth=1), tree_version(depth=2)
    for version in (first, second, first):
        services.promote(version=version)
    assert [back(), back()] == [2, 1]


@pytest.mark.parametrize("state", ["rejected", "broken"])
def test_versions_that_may_not_serve_are_passed_over(four: list[ModelVersion], state: str) -> None:
    ModelVersion.objects.filter(number__in=(2, 3)).update(state=state)
    assert back() == 1


def test_a_version_whose_file_is_damaged_is_passed_over(four: list[ModelVersion]) -> None:
    with damaged(four[2]):
        assert back() == 2


def test_where_all_before_are_unfit_the_nearest_says_why(four: list[ModelVersion]) -> None:
    ModelVersion.objects.filter(number__lt=4).update(state="broken")
    with pytest.raises(NothingBefore, match=r"go back to\. plants:3 cannot serve: it is broken"):
        back()
    assert AliasChange.objects.count() == 4


def test_it_never_goes_back_to_the_version_that_serves() -> None:
    first, second = tree_version(depth=1), tree_version(depth=2)
    for version in (first, second, first):
        services.promote(version=version)
    ModelVersion.objects.filter(number=2).update(state="broken")
    with pytest.raises(NothingBefore):
        back()


def test_a_model_without_a_champion_has_nothing_to_go_back_to() -> None:
    model = tree_version().model
    with pytest.raises(NothingBefore, match="has had no champion yet"):
        services.rollback(model=model)


def test_an_archived_model_is_not_rolled_back(four: list[ModelVersion]) -> None:
    model = four[0].model
    model.archived_at = timezone.now()
    model.save()
    with pytest.raises(NotPromotable, match="archived"):
        services.rollback(model=model)


def test_other_aliases_stay_where_they_are(four: list[ModelVersion]) -> None:
    services.move_alias(version=four[3], alias="challenger")
    assert back() == 3
    assert Alias.objects.get(name="challenger").version == four[3]


def test_where_it_leads_is_known_before(four: list[ModelVersion]) -> None:
    assert services.rollback_goal(four[0].model).version == four[2]
    assert Alias.objects.get().version == four[3]
