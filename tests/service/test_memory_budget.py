"""Versions share a budget of memory: who is asked least goes, and is loaded again for who asks."""

import os
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import pytest
from django.test import RequestFactory

from mlapi import landing
from modelregistry import services
from modelregistry.artifacts import LocalFolder
from modelregistry.models import ModelVersion
from predictions import versions
from predictions.loading import Loader
from predictions.runtime import ModelRuntime
from predictions.serving.engine import Loaded
from predictions.serving.errors import NotLoaded, ServingError
from tests.modelregistry.trained import tree_version

pytestmark = [pytest.mark.django_db, pytest.mark.database]
NAMES = ("a", "b", "c", "d", "e", "f")
ROOM = 3  # versions of these, which are as small as versions are taken to be
PATIENCE_S = 60
MB = 1 << 20


@pytest.fixture
def six(settings: Any, tmp_path: Path) -> list[ModelVersion]:
    """Six models with a champion each, and room for three of them; `a` is the default model."""
    settings.ARTIFACT_DIR = tmp_path / "artifacts"
    settings.DEFAULT_MODEL = "a"
    made = [tree_version(name, depth) for depth, name in enumerate(NAMES, start=1)]
    for version in made:
        services.promote(version=version)
    room = ROOM * max(versions.most_memory(version.live()) for version in made)
    assert room < (ROOM + 1) * versions.SMALLEST_BYTES
    settings.MLAPI = replace(settings.MLAPI, versions_bytes=room)
    return made


@pytest.fixture
def runtime(six: list[ModelVersion]) -> ModelRuntime:
    made = ModelRuntime()
    made.read()
    return made


def in_memory(runtime: ModelRuntime) -> set[str]:
    return {name for name in NAMES if _live(runtime, name) is not None}


def _live(runtime: ModelRuntime, name: str) -> Loaded | None:
    try:
        return runtime.engine.live(name)
    except NotLoaded:
        return None


def ask(runtime: ModelRuntime, name: str) -> int:
    """As the lane does: from memory, or loaded; the version that answers."""
    loaded = _live(runtime, name) or runtime.on_demand(name)
    loaded.asked = True
    return loaded.identity.version


def file_of(version: ModelVersion) -> Path:
    backend = services.store().backend
    assert isinstance(backend, LocalFolder)
    return backend.path(version.onnx_sha256)


def test_a_process_that_starts_loads_what_there_is_room_for_the_default_model_first(
    runtime: ModelRuntime,
) -> None:
    assert in_memory(runtime) == {"a", "b", "c"}
    assert {identity.model for identity in runtime.engine.models()} == set(NAMES)


def test_where_there_is_room_all_of_them_are_in_memory(
    six: list[ModelVersion], settings: Any
) -> None:
    settings.MLAPI = replace(settings.MLAPI, versions_bytes=1 << 30)
    runtime = ModelRuntime()
    runtime.read()
    assert in_memory(runtime) == set(NAMES)


def test_asked_in_turn_all_answer_and_memory_stays_within_its_bounds(runtime: ModelRuntime) -> None:
    for name in NAMES * 3:
        assert ask(runtime, name) == 1
        assert len(in_memory(runtime)) <= ROOM
        assert {"a", name} <= in_memory(runtime)


def test_the_one_that_was_asked_longest_ago_makes_room(runtime: ModelRuntime) -> None:
    ask(runtime, "b")
    runtime.read()
    ask(runtime, "d")
    assert in_memory(runtime) == {"a", "b", "d"}


def test_what_takes_more_than_its_file_tells_makes_its_room_once_it_is_measured(
    runtime: ModelRuntime, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened, measured = versions.opened, ROOM * versions.SMALLEST_BYTES
    monkeypatch.setattr(versions, "opened", lambda live: (opened(live)[0], measured))
    ask(runtime, "d")
    assert in_memory(runtime) == {"a", "d"}


def test_a_forked_process_measures_itself_and_not_its_parent(
    six: list[ModelVersion], monkeypatch: pytest.MonkeyPatch
) -> None:
    large = replace(six[0].live(), size_bytes=8 * MB)
    monkeypatch.setattr(versions, "open_runtime", lambda *_, **__: bytearray(b"x" * (40 * MB)))
    child = os.fork()
    if child == 0:
        try:
            os._exit(versions.opened(large)[1] // MB)
        finally:
            os._exit(255)
    _, status = os.waitpid(child, 0)
    assert 32 <= os.waitstatus_to_exitcode(status) <= 64


def test_many_who_ask_for_one_that_is_out_of_memory_wait_for_one_load(
    runtime: ModelRuntime, monkeypatch: pytest.MonkeyPatch
) -> None:
    loads, go_on = SimpleQueue[str](), threading.Event()

    def slowly(live: versions.LiveVersion) -> Any:
        loads.put(live.model)
        assert go_on.wait(PATIENCE_S)
        return opened(live)

    opened = versions.opened
    monkeypatch.setattr(versions, "opened", slowly)
    told = SimpleQueue[Loaded | ServingError]()
    loader = Loader(runtime.on_demand)
    for _ in range(100):
        loader.fetch("e", told.put)
    go_on.set()
    answers = {told.get(timeout=PATIENCE_S) for _ in range(100)}
    assert answers == {runtime.engine.live("e")}
    assert (loads.get_nowait(), loads.empty()) == ("e", True)


def test_a_champion_is_loaded_again_without_the_database(
    runtime: ModelRuntime, django_assert_num_queries: Callable[[int], Any]
) -> None:
    with django_assert_num_queries(0):
        assert ask(runtime, "e") == 1


def test_a_promotion_of_what_is_out_of_memory_answers_with_the_new_version(
    runtime: ModelRuntime,
) -> None:
    services.promote(version=tree_version("f", 4))
    runtime.read()
    assert ask(runtime, "f") == 2
    assert ask(runtime, "f@champion") == 2
    assert ask(runtime, "f/versions/1") == 1
    assert len(in_memory(runtime)) <= ROOM


def test_settings_of_what_is_out_of_memory_are_followed_without_loading_it(
    runtime: ModelRuntime,
) -> None:
    services.change_model(name="f", changes={"visibility": "public", "deadline_ms": 250})
    runtime.read()
    with pytest.raises(NotLoaded) as absent:
        runtime.engine.live("f")
    assert (absent.value.audience.public, absent.value.deadline_s) == (True, 0.25)
    assert runtime.on_demand("f").deadline_s == 0.25


def test_what_was_unloaded_and_is_damaged_by_now_is_stood_in_for(
    runtime: ModelRuntime, six: list[ModelVersion]
) -> None:
    second = tree_version("f", 4)
    services.promote(version=second)
    for name in ("f", "b", "c"):
        runtime.read()
        ask(runtime, name)
    assert "f" not in in_memory(runtime)
    file_of(second).write_bytes(b"something else")
    assert ask(runtime, "f") == 1
    runtime.read()
    assert ask(runtime, "f") == 1
    assert ModelVersion.objects.get(pk=second.pk).state == "broken"


def test_what_was_unloaded_and_has_nothing_before_it_is_not_ready_until_it_is_whole(
    runtime: ModelRuntime, six: list[ModelVersion]
) -> None:
    path = file_of(six[5])
    whole = path.read_bytes()
    path.unlink()
    with pytest.raises(ServingError):
        ask(runtime, "f")
    path.write_bytes(whole)
    assert services.Mender().mend() == 1
    runtime.read()
    assert ask(runtime, "f") == 1


def test_the_landing_page_shows_models_that_are_out_of_memory(
    runtime: ModelRuntime, monkeypatch: pytest.MonkeyPatch
) -> None:
    services.change_model(name="f", changes={"visibility": "public"})
    runtime.read()
    monkeypatch.setattr(landing, "models", runtime)
    page = landing.page(RequestFactory().get("/", headers={"host": "localhost"})).content.decode()
    assert "/api/v1/models/f/predict" in page
    assert "f" not in in_memory(runtime)
