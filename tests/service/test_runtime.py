"""The engine follows the registry, and what cannot be loaded never takes a good version's place."""

from math import inf

import numpy as np
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder
from sklearn.tree import DecisionTreeClassifier

from modelregistry import services
from modelregistry.audience import Audience
from modelregistry.examples.training import train_diabetes
from modelregistry.formats.rows import Rows
from modelregistry.formats.runtime import RowsRefused
from modelregistry.formats.skops_format import save_estimator
from modelregistry.models import LiveVersion, ModelVersion, RegisteredModel, Revision
from predictions import versions
from predictions.errors import NoSourceEstimator
from predictions.runtime import RETRY_EVERY_READS, ModelRuntime
from predictions.serving.batcher import Policy
from predictions.serving.engine import run_unbatched
from predictions.serving.errors import NotReady, UnknownModel

pytestmark = [pytest.mark.django_db, pytest.mark.database]


def registered(depth: int) -> ModelVersion:
    rows, targets = load_iris(return_X_y=True)
    tree = DecisionTreeClassifier(max_depth=depth, random_state=0).fit(rows, targets)
    return services.register_version(
        model_name="flowers", data=save_estimator(tree), create_missing=True
    )


@pytest.fixture
def runtime() -> ModelRuntime:
    return ModelRuntime()


@pytest.fixture
def first(runtime: ModelRuntime) -> ModelVersion:
    """Version 1, live."""
    version = registered(1)
    services.promote(version=version)
    runtime.read()
    assert live(runtime) == 1
    return version


def live(runtime: ModelRuntime) -> int:
    return runtime.engine.live("flowers").identity.version


def test_before_the_first_reading_nothing_is_known(runtime: ModelRuntime) -> None:
    with pytest.raises(NotReady):
        runtime.engine.live("flowers")


def test_a_promotion_is_live_after_the_next_reading(
    runtime: ModelRuntime, first: ModelVersion
) -> None:
    services.promote(version=registered(2))
    assert live(runtime) == 1
    runtime.read()
    assert live(runtime) == 2


def test_an_unchanged_registry_costs_one_query(
    runtime: ModelRuntime, first: ModelVersion, django_assert_num_queries
) -> None:
    with django_assert_num_queries(1):
        runtime.read()


def test_a_version_whose_file_is_damaged_leaves_the_last_good_one_serving(
    runtime: ModelRuntime, first: ModelVersion
) -> None:
    second = registered(2)
    path = services.store().backend.path(second.onnx_sha256)
    good = path.read_bytes()
    services.promote(version=second)
    path.write_bytes(good[:-1])
    runtime.read()
    assert live(runtime) == 1
    path.write_bytes(good)
    for _ in range(RETRY_EVERY_READS):
        runtime.read()
    assert live(runtime) == 2


def test_a_model_that_was_never_loadable_is_not_ready_but_known(runtime: ModelRuntime) -> None:
    version = registered(1)
    services.promote(version=version)
    services.store().backend.path(version.onnx_sha256).unlink()
    runtime.read()
    with pytest.raises(NotReady):
        runtime.engine.live("flowers")


def test_whom_a_model_is_for_waits_for_no_other_models_file(
    runtime: ModelRuntime, first: ModelVersion, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows, targets = load_iris(return_X_y=True)
    tree = DecisionTreeClassifier(max_depth=3, random_state=0).fit(rows, targets)
    data = save_estimator(tree)
    other = services.register_version(model_name="iris", data=data, create_missing=True)
    services.promote(version=other)
    services.change_model(name="flowers", changes={"visibility": "groups"})
    meanwhile: list[Audience] = []
    opened = versions.opened

    def slowly(live: LiveVersion) -> object:
        meanwhile.append(runtime.engine.live("flowers").identity.audience)
        return opened(live)

    monkeypatch.setattr(versions, "opened", slowly)
    runtime.read()
    assert meanwhile == [Audience(groups=frozenset())]


def test_an_archived_model_is_gone(runtime: ModelRuntime, first: ModelVersion) -> None:
    RegisteredModel.objects.filter(name="flowers").update(archived_at=first.created_at)
    Revision.objects.bump()
    runtime.read()
    with pytest.raises(UnknownModel):
        runtime.engine.live("flowers")


def test_going_back_to_the_champion_before_needs_no_file(
    runtime: ModelRuntime, first: ModelVersion
) -> None:
    services.promote(version=registered(2))
    runtime.read()
    services.promote(version=first)
    services.store().backend.path(first.onnx_sha256).unlink()
    runtime.read()
    assert live(runtime) == 1


def test_the_source_estimator_is_the_live_versions(
    runtime: ModelRuntime, first: ModelVersion
) -> None:
    before = runtime.source("flowers")[1]
    assert runtime.source("flowers")[1] is before
    services.promote(version=registered(2))
    runtime.read()
    assert runtime.source("flowers")[1] is not before


def test_a_model_that_came_as_onnx_has_no_source_estimator(runtime: ModelRuntime) -> None:
    converted = services.store().read(registered(1).onnx_sha256)
    version = services.register_version(model_name="bare", data=converted, create_missing=True)
    services.promote(version=version)
    runtime.read()
    with pytest.raises(NoSourceEstimator):
        runtime.source("bare")


def strict_pipeline() -> Pipeline:
    """Fitted on three categories, and sure that there are no others."""
    rows = np.empty((60, 2), dtype=object)
    rows[:, 0], rows[:, 1] = ["a", "b", "c"] * 20, np.arange(60.0)
    encode = ColumnTransformer([("one", OneHotEncoder(), [0])], remainder="passthrough")
    model = LogisticRegression(max_iter=1000)
    return Pipeline([("encode", encode), ("model", model)]).fit(rows, [0, 1] * 30)


@pytest.mark.parametrize("kind", ["onnx", "sklearn"])
def test_a_category_that_a_strict_model_does_not_know_is_the_rows_fault(
    runtime: ModelRuntime, kind: str
) -> None:
    values = (("a", 1.0), ("b", 2.0), ("c", 3.0))
    version = services.register_version(
        model_name="strict",
        data=save_estimator(strict_pipeline()),
        samples=Rows(columns=("letter", "number"), values=values),
        create_missing=True,
    )
    services.promote(version=version)
    runtime.read()
    loaded = runtime.engine.live("strict")
    opened = loaded.runtime if kind == "onnx" else runtime.source("strict")[1]
    names = [loaded.signature.outputs[0].name]
    assert len(run_unbatched(opened, {"letter": ["a", "b"], "number": [1, 2]}, names)[0]) == 2
    with pytest.raises(RowsRefused):
        run_unbatched(opened, {"letter": ["a", "z"], "number": [1, 2]}, names)


def test_a_live_version_is_served_in_the_form_that_its_row_names(
    runtime: ModelRuntime, first: ModelVersion
) -> None:
    before = runtime.engine.live("flowers")
    onnx_form = {name: getattr(first, name) for name in ("runtime", "onnx_sha256", "onnx_size")}
    source_form = {"runtime": "sklearn", "onnx_sha256": "", "onnx_size": None}
    ModelVersion.objects.filter(pk=first.pk).update(**source_form)
    Revision.objects.bump()
    runtime.read()
    assert runtime.engine.live("flowers").identity.framework == "sklearn"
    assert runtime.engine.live("flowers").runtime is not before.runtime
    ModelVersion.objects.filter(pk=first.pk).update(**onnx_form)
    Revision.objects.bump()
    runtime.read()
    assert runtime.engine.live("flowers").identity.framework == "onnx"
    assert type(runtime.engine.live("flowers").runtime) is type(before.runtime)


def test_the_source_answers_what_the_estimator_itself_answers(runtime: ModelRuntime) -> None:
    trained = train_diabetes()
    services.promote(
        version=services.register_version(
            model_name="sugar", data=trained.skops, samples=trained.samples, create_missing=True
        )
    )
    runtime.read()
    source = runtime.source("sugar")[1]
    rows = [list(row) for row in trained.heldout.values]
    (served,) = run_unbatched(source, {"X": rows}, ["value"])
    assert served[:, 0].tolist() == trained.estimator.predict(np.array(rows)).tolist()


def test_a_version_this_code_cannot_read_does_not_hide_the_others(
    runtime: ModelRuntime, first: ModelVersion
) -> None:
    registered_elsewhere = services.register_version(
        model_name="zebra", data=services.store().read(first.source_sha256), create_missing=True
    )
    services.promote(version=registered_elsewhere)
    ModelVersion.objects.filter(pk=registered_elsewhere.pk).update(signature={"inputs": "?"})
    Revision.objects.bump()
    runtime.read()
    assert live(runtime) == 1
    with pytest.raises(UnknownModel):
        runtime.engine.live("zebra")


def test_how_callers_are_served_is_followed_without_reading_a_file(
    runtime: ModelRuntime, first: ModelVersion, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.clear()
    before = runtime.engine.live("flowers")
    assert (before.policy, before.deadline_s) == (Policy(), inf)
    services.store().backend.path(first.onnx_sha256).unlink()
    services.change_model(
        name="flowers",
        changes={
            "max_batch_rows": 8,
            "max_wait_ms": 2.5,
            "max_queue_rows": 16,
            "deadline_ms": 250,
            "cache_ttl_s": 2.5,
        },
    )
    runtime.read()
    now = runtime.engine.live("flowers")
    assert now.policy == Policy(max_batch_rows=8, max_wait_s=0.0025, max_queue_rows=16)
    assert (now.deadline_s, now.cache_ttl_s) == (0.25, 2.5)
    assert now.runtime is before.runtime
    assert "flowers version 1 is served by its new settings" in caplog.messages
    assert "flowers version 1 is live" not in caplog.messages, "which it was before"
