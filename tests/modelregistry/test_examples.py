"""The example models: what they answer, made once however often and by however many."""

import json
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from modelregistry.audience import PUBLIC
from modelregistry.examples.registering import are_complete, register_examples
from modelregistry.examples.training import churn_table, train_churn, train_diabetes, train_iris
from modelregistry.formats.estimators import by_position
from modelregistry.formats.opening import open_runtime
from modelregistry.formats.rows import Rows
from modelregistry.formats.skops_format import load_estimator
from modelregistry.models import Alias, AliasChange, ModelVersion, RegisteredModel
from modelregistry.services import store
from tests.running import MANAGE, clean_environ, manage


@pytest.mark.django_db
@pytest.mark.database
def test_the_examples_are_public_proven_and_live_and_a_second_time_changes_nothing() -> None:
    assert not are_complete()
    register_examples()
    assert are_complete()
    assert {live.model: live.audience for live in Alias.objects.champions()} == {
        "churn": PUBLIC, "diabetes": PUBLIC, "iris": PUBLIC,
    }  # fmt: skip
    for version in ModelVersion.objects.all():
        assert (version.state, version.runtime, version.parity["status"]) == (
            "ready", "onnx", "match",
        )  # fmt: skip
    before = snapshot()
    register_examples()
    assert snapshot() == before


def not_converted() -> None:
    ModelVersion.objects.filter(model__name="iris").update(
        state=ModelVersion.State.CONVERTING,
        runtime=ModelVersion.Runtime.SKLEARN,
        onnx_sha256="",
    )


def not_promoted() -> None:
    Alias.objects.filter(model__name="iris").delete()
    AliasChange.objects.filter(model__name="iris")._raw_delete(AliasChange.objects.db)


@pytest.mark.django_db
@pytest.mark.database
@pytest.mark.parametrize("leave", [not_converted, not_promoted])
def test_what_a_start_left_half_done_is_seen_and_done_by_the_next(
    leave: Callable[[], None],
) -> None:
    register_examples()
    leave()
    assert not are_complete()
    register_examples()
    assert are_complete()
    assert Alias.objects.filter(model__name="iris", version__number=1).exists()


def snapshot() -> list[object]:
    tables = (RegisteredModel, ModelVersion, Alias, AliasChange)
    return [list(table.objects.order_by("pk").values()) for table in tables]


@pytest.mark.django_db
@pytest.mark.database
def test_churn_answers_unknown_categories_as_its_pipeline_does() -> None:
    register_examples()
    version = ModelVersion.objects.find("churn")
    live, files = version.live(), store()
    onnx = open_runtime(
        "onnx", files.read(live.artifact_sha256), signature=live.signature, classes=live.classes
    )
    rows, _ = churn_table(np.random.default_rng(7), count=200)
    rows[::3, 2], rows[::5, 3], rows[::7, 3] = "lifetime", "barter", ""
    pipeline = by_position(load_estimator(files.read(version.source_sha256)))
    inputs = Rows.of(rows, columns=live.signature.columns).tensors(live.signature)
    label, probabilities = onnx.run(inputs, ["label", "probabilities"])
    assert label.tolist() == pipeline.predict(rows).tolist()
    assert np.abs(probabilities - pipeline.predict_proba(rows)).max() < 1e-5
    assert set(label) == {"no", "yes"}


def test_training_is_deterministic() -> None:
    for train in (train_iris, train_diabetes, train_churn):
        first, second = train(), train()
        rows = first.samples.matrix()
        assert first.samples == second.samples
        assert first.estimator.predict(rows).tolist() == second.estimator.predict(rows).tolist()


def test_the_iris_forest_answers_whole_numbers() -> None:
    trained = train_iris()
    assert len(trained.samples) == 150
    assert {type(target) for target in trained.samples.targets} == {int}


@pytest.mark.timeout(600)
def test_two_processes_at_once_make_each_example_once(tmp_path: Path) -> None:
    data_dir = tmp_path / "var"
    assert manage(data_dir, "migrate", "-v0").returncode == 0
    running = [
        subprocess.Popen(
            [sys.executable, MANAGE, "register_examples"],
            env=clean_environ(data_dir), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )
        for _ in range(2)
    ]  # fmt: skip
    for process in running:
        out, error = process.communicate(timeout=300)
        assert process.returncode == 0, error
        assert len(out.splitlines()) == 3
    with sqlite3.connect(data_dir / "mlapi.sqlite3") as database:
        rows = database.execute(
            "select m.name, v.number, v.state, v.parity from modelregistry_modelversion v"
            " join modelregistry_registeredmodel m on m.id = v.model_id order by 1"
        ).fetchall()
        moves = database.execute("select count(*) from modelregistry_aliaschange").fetchone()
    database.close()
    assert [row[:3] for row in rows] == [
        ("churn", 1, "ready"), ("diabetes", 1, "ready"), ("iris", 1, "ready"),
    ]  # fmt: skip
    assert {json.loads(row[3])["status"] for row in rows} == {"match"}
    assert moves == (3,)
