"""Promotion moves the champion, writes history once, and refuses what may not serve."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from modelregistry import services
from modelregistry.audience import SIGNED_IN
from modelregistry.errors import ImmutableRow, NotPromotable
from modelregistry.models import Alias, AliasChange, ModelVersion, RegisteredModel
from tests.modelregistry.trained import centroid_version, tree_version

pytestmark = [pytest.mark.django_db, pytest.mark.database]


def test_the_promoted_version_is_champion_and_history_says_who_and_why() -> None:
    actor = User.objects.create_user("grace")
    first, second = tree_version(depth=1), tree_version(depth=2)
    services.promote(version=first)
    change = services.promote(version=second, actor=actor, reason="deeper")
    (live,) = Alias.objects.champions()
    assert (live.model, live.version, live.version_id) == ("plants", 2, second.pk)
    assert (change.previous, change.actor, change.reason) == (first, actor, "deeper")
    assert [c.version for c in AliasChange.objects.all()] == [second, first]


def test_promoting_the_champion_again_adds_no_history() -> None:
    version = tree_version()
    first = services.promote(version=version)
    assert services.promote(version=version) == first
    assert AliasChange.objects.count() == 1


def test_champions_are_read_in_two_queries_and_their_revision_in_one() -> None:
    for name in ("oaks", "pines", "roses"):
        services.promote(version=tree_version(name))
    with CaptureQueriesContext(
        connection,
    ) as queries:
        champions = Alias.objects.champions()
    assert [live.model for live in champions] == ["oaks", "pines", "roses"]
    assert len(queries) == 2
    with CaptureQueriesContext(connection) as queries:
        Alias.objects.revision()
    assert len(queries) == 1


def test_a_live_version_carries_what_serving_needs() -> None:
    version = tree_version()
    services.promote(version=version)
    (live,) = Alias.objects.champions()
    assert live.runtime == "onnx"
    assert live.artifact_sha256 == version.onnx_sha256
    assert live.source_sha256 == version.source_sha256
    assert live.classes == (0, 1, 2)
    assert live.signature.inputs[0].shape == (-1, 4)
    assert (live.task, live.audience) == ("classification", SIGNED_IN)


def test_a_version_that_serves_itself_may_be_promoted() -> None:
    services.promote(version=centroid_version())
    assert Alias.objects.champions()[0].runtime == "sklearn"


def refuse(version: ModelVersion, said: str) -> None:
    with pytest.raises(NotPromotable, match=said):
        services.promote(version=version)
    assert not Alias.objects.exists()
    assert not AliasChange.objects.exists()


def test_a_version_that_is_not_ready_is_refused() -> None:
    version = tree_version()
    ModelVersion.objects.update(state="rejected")
    refuse(version, "it is rejected, not ready")


def test_a_version_of_an_archived_model_is_refused() -> None:
    version = tree_version()
    RegisteredModel.objects.update(archived_at=timezone.now())
    refuse(version, "archived")


def test_a_version_whose_file_was_altered_is_refused() -> None:
    version = tree_version("damaged", depth=3)
    path = services.store().backend.path(version.onnx_sha256)
    whole = path.read_bytes()
    path.write_bytes(b"something else")
    try:
        refuse(version, "altered on disk")
    finally:
        path.write_bytes(whole)


def test_archived_models_have_no_champion() -> None:
    version = tree_version()
    services.promote(version=version)
    version.model.archived_at = timezone.now()
    version.model.save()
    assert Alias.objects.champions() == []


def test_history_is_never_rewritten() -> None:
    change = services.promote(version=tree_version())
    change.reason = "it was somebody else"
    with pytest.raises(ImmutableRow):
        change.save()


@pytest.mark.django_db(transaction=True)
def test_simultaneous_promotions_leave_an_unbroken_history() -> None:
    versions = [tree_version(depth=depth) for depth in range(1, 5)]
    together = Barrier(len(versions))

    def promote(version: ModelVersion) -> None:
        together.wait(timeout=30)
        try:
            services.promote(version=version)
        finally:
            connection.close()

    with ThreadPoolExecutor(len(versions)) as pool:
        list(pool.map(promote, versions))
    oldest_first = list(AliasChange.objects.order_by("pk"))
    chain = [change.previous_id for change in oldest_first]
    assert chain == [None, *[change.version_id for change in oldest_first[:-1]]]
    assert Alias.objects.get().version_id == oldest_first[-1].version_id
