"""Two versions are compared by a job; what cannot be compared is refused before there is one."""

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from sklearn.compose import ColumnTransformer
from sklearn.metrics import accuracy_score, r2_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from jobs import execution
from jobs.errors import WrongParams
from jobs.kinds import find
from jobs.models import Job
from jobs.services import submit
from modelregistry import services
from modelregistry.comparing import usual_pair
from modelregistry.formats.rows import Rows
from modelregistry.formats.skops_format import save_estimator
from modelregistry.models import ModelVersion
from modelregistry.tasks import COMPARE
from tests.modelregistry.trained import (
    ROWS,
    SAMPLES,
    TARGETS,
    centroid_version,
    onnx_file,
    onnx_version,
    tree_file,
    tree_version,
)

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.database]


def asked(a: int = 1, b: int = 2, model: str = "plants") -> Job:
    return submit(kind=COMPARE, params={"model": model, "a": a, "b": b})


def compared(a: int = 1, b: int = 2, model: str = "plants") -> dict[str, Any]:
    job = asked(a, b, model)
    assert execution.run(job, find(job.kind), worker="here:1")
    assert job.state == "succeeded", job.traceback
    result: dict[str, Any] = job.result
    return result


def refused(a: int = 1, b: int = 2, model: str = "plants") -> str:
    with pytest.raises(WrongParams) as caught:
        asked(a, b, model)
    assert not Job.objects.exists()
    return str(caught.value)


def register(estimator: object, rows: Rows | None = None, name: str = "plants") -> ModelVersion:
    return services.register_version(
        model_name=name, data=save_estimator(estimator), samples=rows, create_missing=True
    )


def test_two_runtimes_are_compared_on_the_samples_of_both() -> None:
    tree_version(depth=1)
    centroid = centroid_version()
    found = compared()
    assert (found["a"]["runtime"], found["b"]["runtime"]) == ("onnx", "sklearn")
    assert (found["rows"]["which"], found["rows"]["versions"]) == ("sample", [1, 2])
    assert found["rows"]["asked"] == found["agreement"]["rows"] == 150
    assert [each["batch"] for each in found["latency"]] == [1, 32, 1024]
    assert all(each[side] > 0 for each in found["latency"] for side in ("a_ms", "b_ms"))
    assert found["b"]["size_bytes"] == centroid.source_size
    assert [note.split(" may")[0] for note in found["rows"]["notes"]] == ["Version 1", "Version 2"]


def test_scores_agreement_and_table_are_those_of_the_estimators() -> None:
    shallow = DecisionTreeClassifier(max_depth=1, random_state=0).fit(ROWS, TARGETS)
    deep = DecisionTreeClassifier(max_depth=3, random_state=0).fit(ROWS, TARGETS)
    register(shallow, SAMPLES)
    register(deep, SAMPLES)
    found = compared()
    one, other = shallow.predict(ROWS), deep.predict(ROWS)
    assert found["agreement"]["equal"] == int((one == other).sum())
    assert found["scores"]["a"]["accuracy"] == pytest.approx(accuracy_score(TARGETS, one))
    assert found["scores"]["b"]["accuracy"] == pytest.approx(accuracy_score(TARGETS, other))
    assert found["table"]["labels"] == [0, 1, 2]
    assert found["table"]["counts"][1][2] == int(((one == 1) & (other == 2)).sum())
    assert found["verdict"]["only_b"] == int(((one != TARGETS) & (other == TARGETS)).sum())
    worst = found["worst"][0]
    assert worst["a"] != worst["b"]
    assert worst["values"] == ROWS[worst["row"] - 1].tolist()
    assert worst["target"] == TARGETS[worst["row"] - 1]


def test_regressions_are_compared_by_numbers() -> None:
    heights = ROWS[:, 0] * 2
    shallow, deep = (
        DecisionTreeRegressor(max_depth=depth, random_state=0).fit(ROWS, heights)
        for depth in (1, 4)
    )
    for estimator in (shallow, deep):
        register(estimator, Rows.of(ROWS, targets=heights), "heights")
    found = compared(model="heights")
    one, other = shallow.predict(ROWS), deep.predict(ROWS)
    assert found["agreement"]["max_abs_diff"] == pytest.approx(np.abs(one - other).max(), 1e-5)
    assert found["agreement"]["mean_abs_diff"] == pytest.approx(np.abs(one - other).mean(), 1e-5)
    assert found["scores"]["b"]["r2"] == pytest.approx(r2_score(heights, other), 1e-5)
    assert (found["table"], found["verdict"]) == (None, None)
    assert sum(bar["count"] for bar in found["histogram"]) == 150
    assert len(found["worst"]) == 20


def test_a_model_that_came_as_onnx_is_compared_with_its_own_source() -> None:
    tree_version()
    services.register_version(model_name="plants", data=onnx_file(), samples=Rows.of(ROWS))
    found = compared()
    assert found["agreement"]["equal"] == 150
    assert found["agreement"]["max_abs_diff"] == 0
    assert found["worst"] == []


def test_rows_with_a_category_that_one_version_does_not_know_are_left_out() -> None:
    for cities in (["Bern", "Rome"], ["Bern", "Rome", "Oslo"]):
        table = np.array([[city] for city in cities * 10], dtype=object)
        strict = ColumnTransformer([("city", OneHotEncoder(), [0])])
        model = make_pipeline(strict, DecisionTreeClassifier(random_state=0))
        targets = np.array([int(city == "Bern") for (city,) in table])
        model.fit(table, targets)
        register(model, Rows.of(table, columns=("city",), targets=targets), "cities")
    found = compared(model="cities")
    assert (found["rows"]["answered_by_a"], found["rows"]["answered_by_b"]) == (20, 30)
    assert found["agreement"]["equal"] == found["agreement"]["rows"] == 20


def test_the_log_says_what_came_of_it_step_by_step() -> None:
    tree_version(depth=1)
    tree_version(depth=2)
    job = asked()
    execution.run(job, find(job.kind), worker="here:1")
    lines = [event.message for event in job.events.all()]
    steps = [f"Step {at} of 4: {name}." for at, name in enumerate(
        ("load", "answer", "compare", "measure"), start=1)]  # fmt: skip
    assert [line for line in lines if line.startswith("Step")] == steps
    assert "plants:1 and plants:2 answer 104 of 150 sample rows alike." in lines


def bare(depth: int) -> ModelVersion:
    data = tree_file(depth)
    return services.register_version(model_name="plants", data=data, create_missing=True)


def three_columns() -> ModelVersion:
    return register(DecisionTreeClassifier(max_depth=1).fit(ROWS[:, :3], TARGETS))


def named_columns(*names: str) -> ModelVersion:
    rows = Rows.of(ROWS, columns=names, targets=TARGETS)
    data = tree_file(1)
    return services.register_version(
        model_name="plants", data=data, samples=rows, create_missing=True
    )


@pytest.mark.parametrize(
    ("registered", "because"),
    [
        ((tree_version, three_columns), "plants:1 takes 4 columns and plants:2 3"),
        ((lambda: bare(1), lambda: bare(2)), "Neither plants:1 nor plants:2 keeps rows"),
        (
            (lambda: named_columns("a", "b", "c", "d"), lambda: named_columns("a", "b", "c", "e")),
            "only one of them knows d, e.",
        ),
    ],
)
def test_what_cannot_be_compared_is_refused_and_says_why(
    registered: tuple[Callable[[], ModelVersion], ...], because: str
) -> None:
    for make in registered:
        make()
    assert because in refused()


def test_the_same_columns_in_another_order_are_compared() -> None:
    named_columns("a", "b", "c", "d")
    rows = Rows.of(ROWS[:, ::-1], columns=("d", "c", "b", "a"), targets=TARGETS)
    turned = DecisionTreeClassifier(max_depth=1, random_state=0).fit(ROWS[:, ::-1], TARGETS)
    register(turned, rows)
    assert compared()["agreement"]["equal"] == 150


def test_one_version_unknown_versions_and_unready_ones_are_refused() -> None:
    tree_version(depth=1)
    tree_version(depth=2)
    assert refused(1, 1).startswith("Name two versions that differ")
    assert refused(1, 9) == "The model has no such version."
    assert refused(model="nothing") == "There is no model of this name."
    ModelVersion.objects.filter(number=2).update(state="rejected")
    assert refused() == "plants:2 cannot be compared: it is rejected, not ready."


def test_a_version_that_is_still_checked_has_no_columns_to_be_asked_for() -> None:
    tree_version()
    second = tree_version(depth=1)
    ModelVersion.objects.filter(pk=second.pk).update(
        state="pending", signature={}, runtime="", format=""
    )
    assert "it is pending, not ready" in refused()


def test_damaged_files_are_told_by_the_job() -> None:
    tree_version(depth=1)
    second = tree_version(depth=2)
    store = services.store()
    whole = store.read(second.onnx_sha256)
    store.backend.path(second.onnx_sha256).write_bytes(b"damaged")
    try:
        job = asked()
        execution.run(job, find(job.kind), worker="here:1")
        assert (job.state, job.error_code) == ("failed", "damaged_artifact")
    finally:
        store.put(whole)


def test_rest_starts_it_for_those_who_may_view_versions(client: Client) -> None:
    tree_version(depth=1)
    tree_version(depth=2)
    clerk = User.objects.create_user("clerk", is_staff=True)
    client.force_login(clerk)
    body = {"kind": COMPARE, "params": {"model": "plants", "a": 1, "b": 2}}

    def answered() -> int:
        answer = client.post("/api/v1/jobs/", json.dumps(body), content_type="application/json")
        return answer.status_code

    assert answered() == 403
    clerk.user_permissions.set(Permission.objects.filter(codename="view_modelversion"))
    assert answered() == 202
    body["params"] = {"model": "plants", "a": 1, "b": 1}
    assert answered() == 422


def numbers(model: str) -> tuple[int, int] | None:
    found = usual_pair(ModelVersion.objects.filter(model__name=model)[0].model)
    return None if found is None else (found.a.number, found.b.number)


def test_the_champion_and_the_newest_are_the_usual_pair() -> None:
    first = tree_version(depth=1)
    assert numbers("plants") is None
    second = tree_version(depth=2)
    assert numbers("plants") == (1, 2)
    tree_version(depth=3)
    assert numbers("plants") == (2, 3)
    services.promote(version=first)
    assert numbers("plants") == (1, 3)
    services.promote(version=ModelVersion.objects.get(number=3))
    assert numbers("plants") == (3, 2)
    ModelVersion.objects.filter(pk=second.pk).update(state="rejected")
    assert numbers("plants") == (3, 1)


def test_a_foreign_model_without_rows_is_compared_on_those_of_the_other() -> None:
    onnx_version("plants")
    tree_version(depth=1)
    found = compared()
    assert found["rows"]["versions"] == [2]
    assert found["agreement"]["rows"] == 150


def test_rows_that_a_retrained_version_holds_out_are_told_to_be_known_to_the_one_before() -> None:
    tree_version(depth=2)
    services.register_version(
        model_name="plants",
        data=tree_file(3),
        samples=SAMPLES.at(range(0, 150, 2)),
        heldout=SAMPLES.at(range(1, 150, 5)),
    )
    found = compared()
    assert (found["rows"]["which"], found["rows"]["versions"]) == ("held-out", [2])
    (note,) = found["rows"]["notes"]
    assert note.startswith("Version 1 may have been fitted on 30 of these 30 rows")
    assert found["b"]["metrics"]["accuracy"] == pytest.approx(found["scores"]["b"]["accuracy"])
