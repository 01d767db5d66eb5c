"""A version that is no champion is loaded when somebody asks, as the registry has it then."""

from dataclasses import replace

import pytest
from django.conf import LazySettings
from django.utils import timezone
from sklearn.datasets import load_iris
from sklearn.tree import DecisionTreeClassifier

from modelregistry import services
from modelregistry.formats.skops_format import save_estimator
from modelregistry.models import ModelVersion, RegisteredModel, Revision
from predictions.runtime import RETRY_EVERY_READS, ModelRuntime
from predictions.serving.engine import Loaded
from predictions.serving.errors import NotLoaded, NotReady, UnknownModel

pytestmark = [pytest.mark.django_db, pytest.mark.database]
FIRST, SECOND, CHALLENGER = "flowers/versions/1", "flowers/versions/2", "flowers@challenger"


def registered(depth: int) -> ModelVersion:
    rows, targets = load_iris(return_X_y=True)
    tree = DecisionTreeClassifier(max_depth=depth, random_state=0).fit(rows, targets)
    return services.register_version(
        model_name="flowers", data=save_estimator(tree), create_missing=True
    )


@pytest.fixture
def second() -> ModelVersion:
    """Version 1 is champion, this one is challenger."""
    services.promote(version=registered(1))
    version = registered(2)
    services.move_alias(version=version, alias="challenger")
    return version


@pytest.fixture
def runtime(second: ModelVersion) -> ModelRuntime:
    made = ModelRuntime()
    made.read()
    return made


def number(loaded: Loaded) -> int:
    return loaded.identity.version


def test_a_version_is_known_but_not_loaded_until_it_is_asked_for(runtime: ModelRuntime) -> None:
    for address in (SECOND, CHALLENGER):
        with pytest.raises(NotLoaded):
            runtime.engine.live(address)
        assert number(runtime.on_demand(address)) == 2
        assert number(runtime.engine.live(address)) == 2


def test_two_addresses_of_a_version_share_it(runtime: ModelRuntime) -> None:
    assert runtime.on_demand(SECOND) is runtime.on_demand(CHALLENGER)


def test_the_champion_by_another_address_is_the_one_in_memory(
    runtime: ModelRuntime, second: ModelVersion
) -> None:
    champion = runtime.engine.live("flowers")
    for address in (FIRST, "flowers@champion"):
        assert runtime.engine.live(address) is champion
    services.store().backend.path(champion_file(second)).unlink()
    assert runtime.on_demand(FIRST) is champion
    assert runtime.on_demand("flowers@champion") is champion


def champion_file(second: ModelVersion) -> str:
    sha256: str = second.model.versions.get(number=1).onnx_sha256
    return sha256


def test_after_an_alias_moved_its_address_means_the_other_version(
    runtime: ModelRuntime, second: ModelVersion
) -> None:
    runtime.on_demand(CHALLENGER)
    services.move_alias(version=registered(3), alias="challenger")
    runtime.read()
    with pytest.raises(NotLoaded):
        runtime.engine.live(CHALLENGER)
    assert number(runtime.on_demand(CHALLENGER)) == 3
    assert number(runtime.on_demand(SECOND)) == 2


def test_after_a_change_that_is_not_its_own_a_version_is_not_loaded_again(
    runtime: ModelRuntime, second: ModelVersion
) -> None:
    lent = runtime.on_demand(SECOND)
    services.promote(version=registered(3))
    runtime.read()
    assert runtime.engine.live(SECOND) is runtime.on_demand(SECOND) is lent


def test_a_model_that_was_closed_is_closed_at_all_its_addresses(runtime: ModelRuntime) -> None:
    assert runtime.on_demand(SECOND).identity.audience.public is False  # as models are made
    RegisteredModel.objects.update(visibility=RegisteredModel.Visibility.PUBLIC)
    Revision.objects.bump()
    runtime.read()
    with pytest.raises(NotLoaded) as absent:
        runtime.engine.live(SECOND)
    assert absent.value.audience.public
    assert runtime.on_demand(SECOND).identity.audience.public
    RegisteredModel.objects.update(visibility=RegisteredModel.Visibility.SIGNED_IN)
    Revision.objects.bump()
    runtime.read()
    assert not runtime.on_demand(SECOND).identity.audience.public


@pytest.mark.parametrize("state", [ModelVersion.State.BROKEN, ModelVersion.State.REJECTED])
def test_only_what_is_ready_is_known(
    runtime: ModelRuntime, second: ModelVersion, state: str
) -> None:
    runtime.on_demand(SECOND)
    ModelVersion.objects.filter(pk=second.pk).update(state=state)
    Revision.objects.bump()
    runtime.read()
    for address in (SECOND, CHALLENGER, "flowers/versions/9", "flowers@nobody"):
        with pytest.raises(UnknownModel):
            runtime.engine.live(address)
        with pytest.raises(UnknownModel):
            runtime.on_demand(address)


def test_an_archived_model_has_no_addresses(runtime: ModelRuntime) -> None:
    RegisteredModel.objects.update(archived_at=timezone.now())
    Revision.objects.bump()
    runtime.read()
    with pytest.raises(UnknownModel):
        runtime.on_demand(SECOND)


def test_a_file_that_is_missing_is_looked_for_again_after_a_while(
    runtime: ModelRuntime, second: ModelVersion, caplog: pytest.LogCaptureFixture
) -> None:
    path = services.store().backend.path(second.onnx_sha256)
    data = path.read_bytes()
    path.unlink()
    runtime.read()
    for _ in range(3):
        with pytest.raises(NotReady):
            runtime.on_demand(SECOND)
    assert caplog.text.count("cannot be served") == 1  # it was looked for once
    path.write_bytes(data)
    for _ in range(RETRY_EVERY_READS):
        runtime.read()
    assert number(runtime.on_demand(SECOND)) == 2


def test_where_there_is_no_room_the_one_asked_longest_ago_is_unloaded(
    settings: LazySettings, second: ModelVersion
) -> None:
    registered(3)
    settings.DEFAULT_MODEL = "flowers"  # which stays, whatever there is room for
    settings.MLAPI = replace(settings.MLAPI, versions_bytes=second.size_bytes)
    runtime = ModelRuntime()
    runtime.read()
    runtime.on_demand(SECOND)
    runtime.on_demand("flowers/versions/3")
    runtime.read()
    with pytest.raises(NotLoaded):
        runtime.engine.live(SECOND)
    assert number(runtime.engine.live("flowers/versions/3")) == 3
    assert number(runtime.engine.live("flowers")) == 1
