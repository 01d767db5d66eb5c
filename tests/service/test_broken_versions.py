"""A champion whose file is damaged: what was good before answers, until the file is whole."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.db import OperationalError

from mlapi.problems import lane_reply
from modelregistry import services
from modelregistry.artifacts import LocalFolder
from modelregistry.errors import DamagedArtifact
from modelregistry.models import AliasChange, LiveVersion, ModelVersion, RegisteredModel
from predictions import memory
from predictions.runtime import RETRY_EVERY_READS, ModelRuntime
from predictions.serving.errors import NotLoaded, NotReady, VersionBroken
from tests.modelregistry.trained import tree_version

pytestmark = [pytest.mark.django_db, pytest.mark.database]


@pytest.fixture(autouse=True)
def own_store(settings: Any, tmp_path: Path) -> None:
    """A folder of the test's own, to be spoilt."""
    settings.ARTIFACT_DIR = tmp_path / "artifacts"


@pytest.fixture
def three() -> list[ModelVersion]:
    """Versions 1 to 3, each of which has been champion, in this order."""
    versions = [tree_version(depth=depth) for depth in (1, 2, 3)]
    for version in versions:
        services.promote(version=version)
    return versions


def damage(version: ModelVersion) -> Callable[[], object]:
    """Its file holds something else; the answer makes it whole."""
    backend = services.store().backend
    assert isinstance(backend, LocalFolder)
    path = backend.path(version.onnx_sha256)
    whole = path.read_bytes()
    path.write_bytes(b"something else")
    return lambda: path.write_bytes(whole)


def process() -> ModelRuntime:
    """One that starts now."""
    made = ModelRuntime()
    made.read()
    return made


def read_until_retry(*runtimes: ModelRuntime) -> None:
    for _ in range(RETRY_EVERY_READS):
        for runtime in runtimes:
            runtime.read()


def answering(runtime: ModelRuntime, address: str = "plants") -> int:
    return runtime.engine.live(address).identity.version


def said(runtime: ModelRuntime) -> list[str]:
    return [trouble.sentence for trouble in runtime.troubles.values()]


def states() -> list[str]:
    return list(ModelVersion.objects.order_by("number").values_list("state", flat=True))


def test_a_process_that_starts_serves_the_newest_that_loads(three: list[ModelVersion]) -> None:
    RegisteredModel.objects.update(visibility="public")
    damage(three[2])
    damage(three[1])
    runtime = process()
    assert answering(runtime) == 1
    runtime.read()
    assert answering(runtime) == answering(runtime, "plants@champion") == 1
    assert states() == ["ready", "broken", "broken"]
    assert said(runtime) == ["model plants: version 3 is broken, version 1 answers"]
    assert AliasChange.objects.count() == 3  # nobody has moved the champion


def test_a_model_that_is_not_public_is_not_named(three: list[ModelVersion]) -> None:
    damage(three[2])
    assert said(process()) == ["a model: version 3 cannot be loaded, version 2 answers"]


def test_processes_that_had_it_in_memory_answer_as_the_others_do(three: list[ModelVersion]) -> None:
    old = process()
    assert answering(old) == 3
    mended = damage(three[2])
    new = process()
    old.read()
    assert [answering(old), answering(new)] == [2, 2]
    mended()
    read_until_retry(old, new)
    old.read()
    assert [answering(old), answering(new)] == [3, 3]
    assert said(old) == said(new) == []
    assert states() == ["ready"] * 3


def test_a_promoted_version_that_is_damaged_leaves_the_last_good_one_serving(
    three: list[ModelVersion],
) -> None:
    runtime = process()
    fourth = tree_version(depth=4)
    services.promote(version=fourth)
    mended = damage(fourth)
    runtime.read()
    assert answering(runtime) == 3
    assert states()[3] == "broken"
    mended()
    read_until_retry(runtime)
    assert answering(runtime) == 4


def test_where_nothing_else_loads_what_is_in_memory_answers(three: list[ModelVersion]) -> None:
    old = process()
    for version in three:
        damage(version)
    new = process()
    for _ in range(4):
        old.read()
        new.read()
    assert states() == ["broken"] * 3
    assert answering(old) == 3
    with pytest.raises(NotReady):
        new.engine.live("plants")
    assert said(new) == ["a model: version 3 is broken, none answers"]


def test_a_visibility_that_changes_meanwhile_is_that_of_what_stands_in(
    three: list[ModelVersion],
) -> None:
    damage(three[2])
    runtime = process()
    for visibility in ("public", "signed-in"):
        services.change_model(name="plants", changes={"visibility": visibility})
        runtime.read()
        loaded = runtime.engine.live("plants")
        assert (loaded.identity.version, loaded.identity.audience.public) == (
            2,
            visibility == "public",
        )


def test_a_promotion_ends_it(three: list[ModelVersion]) -> None:
    damage(three[2])
    runtime = process()
    services.promote(version=three[0])
    runtime.read()
    assert answering(runtime) == 1
    assert said(runtime) == []


def test_a_version_that_is_asked_for_by_its_number_is_found_broken_and_mended(
    three: list[ModelVersion],
) -> None:
    fourth = tree_version(depth=4)
    runtime = process()
    mended = damage(fourth)
    with pytest.raises(NotReady):
        runtime.on_demand("plants/versions/4")
    assert states()[3] == "broken"
    runtime.read()
    with pytest.raises(VersionBroken):
        runtime.on_demand("plants/versions/4")
    mended()
    read_until_retry(runtime)
    assert runtime.on_demand("plants/versions/4").identity.version == 4


def test_of_a_broken_version_only_those_hear_who_may_ask_its_model(
    three: list[ModelVersion],
) -> None:
    services.move_alias(version=three[1], alias="challenger")
    damage(three[1])
    services.promote(version=three[0])
    runtime = process()
    for public in (False, True):
        services.change_model(
            name="plants", changes={"visibility": "public" if public else "signed-in"}
        )
        runtime.read()
        for address in ("plants/versions/2", "plants@challenger"):
            with pytest.raises(NotReady):
                runtime.on_demand(address)
            runtime.read()
            with pytest.raises(NotLoaded) as absent:  # whoever may not have it loaded hears 404
                runtime.engine.live(address)
            assert absent.value.audience.public is public
            with pytest.raises(VersionBroken):
                runtime.on_demand(address)


@pytest.mark.parametrize("address", ["plants", "plants@champion"])
def test_where_nothing_stands_in_strangers_do_not_hear_of_a_closed_model(
    three: list[ModelVersion], address: str
) -> None:
    for version in three:
        damage(version)
    runtime = process()
    runtime.read()
    with pytest.raises(NotLoaded) as absent:
        runtime.engine.live(address)
    assert not absent.value.audience.public
    with pytest.raises(NotReady):
        runtime.on_demand(address)


def test_callers_are_told_by_a_code_of_its_own_and_when_to_come_back() -> None:
    status, headers, body = lane_reply(VersionBroken(), "r1")
    assert status == 503
    assert dict(headers)[b"retry-after"] == b"10"
    told = json.loads(body)
    assert (told["code"], told["request_id"]) == ("version_broken", "r1")
    assert "its file is missing or altered" in told["detail"]


def test_what_is_broken_is_not_lent_to_its_number_from_memory(three: list[ModelVersion]) -> None:
    old = process()
    assert answering(old, "plants/versions/3") == 3
    mended = damage(three[2])
    process()
    old.read()
    with pytest.raises(VersionBroken):
        old.on_demand("plants/versions/3")
    mended()
    read_until_retry(old)
    old.read()
    assert answering(old, "plants/versions/3") == 3


def test_on_an_empty_folder_nothing_is_broken_and_it_is_served_once_the_disk_is_there(
    three: list[ModelVersion], settings: Any
) -> None:
    mounted, settings.ARTIFACT_DIR = settings.ARTIFACT_DIR, settings.ARTIFACT_DIR.parent / "empty"
    runtime = process()
    with pytest.raises(NotReady):
        runtime.engine.live("plants")
    assert states() == ["ready"] * 3
    assert said(runtime) == ["a model: version 3 cannot be loaded, none answers"]
    settings.ARTIFACT_DIR = mounted
    read_until_retry(runtime)
    assert answering(runtime) == 3


def test_a_process_whose_own_copy_is_damaged_does_not_break_what_others_find_whole(
    three: list[ModelVersion],
) -> None:
    damage(three[2])
    runtime = process()
    assert states()[2] == "broken"
    ModelVersion.objects.update(state="ready", damage="")  # as a process elsewhere finds
    read_until_retry(runtime, runtime)
    assert states()[2] == "ready"
    assert answering(runtime) == 2
    assert said(runtime) == ["a model: version 3 cannot be loaded, version 2 answers"]


def database_is_locked() -> bool:
    raise OperationalError("database is locked")


@pytest.mark.parametrize("fail", [database_is_locked, lambda: False], ids=["database", "store"])
def test_damage_that_could_not_be_marked_is_marked_later(
    three: list[ModelVersion], monkeypatch: pytest.MonkeyPatch, fail: Callable[[], bool]
) -> None:
    damage(three[2])
    monkeypatch.setattr(memory, "report_damage", lambda *_, **__: fail())
    runtime = process()
    assert (states()[2], answering(runtime)) == ("ready", 2)
    monkeypatch.undo()
    read_until_retry(runtime)
    assert (states()[2], answering(runtime)) == ("broken", 2)


def test_what_another_process_has_marked_is_not_marked_again_once_that_finds_it_whole(
    three: list[ModelVersion], monkeypatch: pytest.MonkeyPatch
) -> None:
    def marked_by_another(live: LiveVersion, fault: DamagedArtifact, *, found_by: str) -> bool:
        assert services.report_damage(live, fault, found_by="another process")
        return services.report_damage(live, fault, found_by=found_by)

    damage(three[2])
    monkeypatch.setattr(memory, "report_damage", marked_by_another)
    runtime = process()
    assert states()[2] == "broken"
    monkeypatch.undo()
    ModelVersion.objects.update(state="ready", damage="")
    read_until_retry(runtime, runtime)
    assert states()[2] == "ready"
