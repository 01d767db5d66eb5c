"""A model is fitted anew, measured beside its champion, registered once; it does not serve yet."""

import re
import uuid
from typing import Any

import numpy as np
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.datasets import load_iris
from sklearn.ensemble import GradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.naive_bayes import MultinomialNB
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from modelregistry import services
from modelregistry.conversion.scoring import score
from modelregistry.errors import NotRetrainable, UnknownModel
from modelregistry.examples.training import CHURN_COLUMNS, churn_table, train_churn, train_diabetes
from modelregistry.formats.rows import Rows
from modelregistry.formats.skops_format import load_estimator, save_estimator
from modelregistry.ingestion.refitting import refit
from modelregistry.models import Alias, ModelVersion
from modelregistry.retraining import STEPS, Lesson, Retrained, retrain
from modelregistry.tasks import retrain_answer
from tests.modelregistry.trained import onnx_version, tree_file, tree_version

pytestmark = [pytest.mark.django_db, pytest.mark.database]
ROWS, TARGETS = load_iris(return_X_y=True)


def retrained(
    name: str = "plants",
    lesson: Lesson | None = None,
    job_id: uuid.UUID | None = None,
    steps: list[str] | None = None,
) -> Retrained:
    return retrain(
        job_id=job_id or uuid.uuid4(),
        model_name=name,
        lesson=lesson,
        actor=None,
        step=(steps if steps is not None else []).append,
    )


def lesson(count: int = 60) -> Lesson:
    """Some irises of every kind."""
    chosen = np.linspace(0, 149, count).astype(int)
    return Lesson(ROWS[chosen].tolist(), TARGETS[chosen].tolist())


def test_a_retrained_model_is_a_new_version_that_does_not_serve() -> None:
    first = tree_version()
    services.promote(version=first)
    done = retrained()
    assert (done.version.number, done.version.state, done.version.runtime) == (2, "ready", "onnx")
    assert done.version.parity["status"] == "match"
    assert done.before == first
    assert [live.version for live in Alias.objects.champions()] == [1]


def test_new_and_old_version_are_measured_on_the_same_rows_that_were_not_learnt() -> None:
    first = tree_version()
    done = retrained()
    files = services.store()
    learnt = Rows.from_json(files.read(done.version.samples_sha256))
    heldout = Rows.from_json(files.read(done.version.heldout_sha256))
    assert (len(learnt), len(heldout)) == (done.trained_rows, done.heldout_rows) == (112, 38)
    everything = Rows.from_json(files.read(first.samples_sha256))
    assert sorted(learnt.values + heldout.values) == sorted(everything.values)
    new = load_estimator(files.read(done.version.source_sha256))
    assert done.version.metrics == score(new, heldout)
    assert done.metrics_before == score(load_estimator(tree_file()), heldout)


def test_every_class_is_learnt_and_measured() -> None:
    tree_version()
    files, done = services.store(), retrained()
    for sha256 in (done.version.samples_sha256, done.version.heldout_sha256):
        targets = Rows.from_json(files.read(sha256)).targets
        assert targets is not None
        _, counts = np.unique(targets, return_counts=True)
        assert counts.max() - counts.min() <= 1


def test_rows_that_were_held_out_before_measure_again() -> None:
    made = train_diabetes()
    first = services.register_version(
        model_name="sugar",
        data=made.skops,
        samples=made.samples,
        heldout=made.heldout,
        create_missing=True,
    )
    done = retrained("sugar")
    assert done.version.heldout_sha256 == first.heldout_sha256
    assert done.version.samples_sha256 == first.samples_sha256
    assert done.version.metrics["r2"] == pytest.approx(done.metrics_before["r2"])


def test_it_is_said_where_the_champion_may_have_been_fitted_on_the_rows_it_is_measured_on() -> None:
    tree_version()
    done = retrained()
    assert done.caveat == (
        "Version 1 may have been fitted on some of the held-out rows: its figures may be too good."
    )
    services.promote(version=done.version)
    assert retrained().caveat == ""  # those rows were held out from the champion too


def test_given_rows_are_learnt_instead_of_the_stored_ones() -> None:
    tree_version()
    done = retrained(lesson=lesson(60))
    assert (done.trained_rows, done.heldout_rows) == (45, 15)
    assert done.version.metrics["accuracy"] > 0.8


def test_columns_keep_their_names_and_text_is_learnt_anew() -> None:
    made = train_churn()
    first = services.register_version(
        model_name="leavers", data=made.skops, samples=made.samples, create_missing=True
    )
    rows, targets = churn_table(np.random.default_rng(7), count=200)
    done = retrained("leavers", Lesson(rows.tolist(), targets.tolist()))
    assert done.version.signature["columns"] == first.signature["columns"] == list(CHURN_COLUMNS)
    assert done.version.classes == ["no", "yes"]
    assert done.version.metrics["accuracy"] > 0.6


def test_a_pipeline_that_was_fitted_on_named_columns_is_refitted_by_position() -> None:
    choose = ColumnTransformer([("kind", OneHotEncoder(), [0])], remainder=StandardScaler())
    targets = [0, 1, 0, 1] * 5
    table = np.array([["a", 1.0], ["b", 2.0], ["a", 3.0], ["b", 4.0]] * 5, dtype=object)
    fitted = Pipeline([("choose", choose), ("predict", LogisticRegression())]).fit(table, targets)
    # What fitting on a data frame with these columns leaves behind; pandas is not installed here.
    choose.transformers = [("kind", OneHotEncoder(), ["kind"])]
    choose.feature_names_in_ = np.array(["kind", "size"], dtype=object)
    rows = Rows.of(table, columns=("kind", "size"), targets=np.array(targets))
    services.register_version(
        model_name="named", data=save_estimator(fitted), samples=rows, create_missing=True
    )
    done = retrained("named")
    assert done.version.signature["columns"] == ["kind", "size"]
    assert done.version.metrics == {"accuracy": 1.0}


def test_the_second_attempt_of_a_job_completes_the_version_of_the_first() -> None:
    tree_version()
    job_id = uuid.uuid4()
    first = retrained(job_id=job_id)
    ModelVersion.objects.filter(pk=first.version.pk).update(  # as if killed before its conversion
        state="converting", runtime="sklearn", onnx_sha256="", onnx_size=None
    )
    steps: list[str] = []
    second = retrained(job_id=job_id, steps=steps)
    assert second.version == first.version
    assert (second.version.state, second.version.runtime) == ("ready", "onnx")
    assert (second.before, second.metrics_before) == (first.before, first.metrics_before)
    assert ModelVersion.objects.count() == 2
    assert "fit" not in steps


def test_two_attempts_side_by_side_register_one_version() -> None:
    tree_version()
    job_id = uuid.uuid4()
    first = retrained(job_id=job_id)
    facts = {"model_name": "plants", "data": tree_file(3), "job_id": job_id}
    heldout = Rows.of(ROWS[::4], targets=TARGETS[::4])
    late = services.register_for_job(**facts, samples=heldout, heldout=heldout)
    assert late == first.version
    assert ModelVersion.objects.count() == 2


def test_every_step_is_told_in_order() -> None:
    tree_version()
    steps: list[str] = []
    retrained(steps=steps)
    assert tuple(steps) == STEPS


def test_a_model_that_came_as_onnx_has_nothing_to_fit_anew() -> None:
    onnx_version("foreign")
    with pytest.raises(NotRetrainable, match="came as ONNX"):
        retrained("foreign")


def test_a_version_without_training_rows_asks_for_some() -> None:
    services.register_version(model_name="plants", data=tree_file(), create_missing=True)
    with pytest.raises(NotRetrainable, match="plants:1 keeps no rows with targets"):
        retrained()
    assert retrained(lesson=lesson()).version.number == 2


def test_a_model_nobody_knows_is_not_retrained() -> None:
    with pytest.raises(UnknownModel):
        retrained("nobody")


@pytest.mark.parametrize(
    ("wrong", "because"),
    [
        (Lesson([[1.0, 2.0]] * 20, [0, 1] * 10), "needs 4 values"),
        (Lesson([[1.0, 2.0, 3.0, 4.0]] * 4, [0, 1] * 2), "takes 10 rows"),
        (Lesson([[1.0, 2.0, 3.0, "four"]] * 20, [0, 1] * 10), "cannot be fitted"),
        (Lesson([[1.0, 2.0, 3.0, 4.0]] * 10 + [[1.0, 2.0, 3.0, "x"]] * 10, [0, 1] * 10), "mixes"),
        (Lesson([[1.0, 2.0, 3.0, None]] * 10 + [[1.0, 2.0, 3.0, "x"]] * 10, [0, 1] * 10), "fitted"),
    ],
)
def test_rows_that_teach_nothing_are_refused_and_leave_nothing(wrong: Lesson, because: str) -> None:
    tree_version()
    with pytest.raises(NotRetrainable, match=because):
        retrained(lesson=wrong)
    assert ModelVersion.objects.count() == 1


ROWS_OF_TWO = [[0.0, 1.0], [2.0, 3.0]] * 10
CODED = make_pipeline(OneHotEncoder(categories=[[0.0, 2.0], [1.0, 3.0]]), LogisticRegression())


@pytest.mark.parametrize(
    ("estimator", "rows", "targets", "because"),
    [
        (LinearRegression(), [["secret", 1.0]] * 20, [1, 2] * 10, "a text stands where"),
        (LinearRegression(), ROWS_OF_TWO, ["secret", "b"] * 10, "a text stands where"),
        (CODED, [*ROWS_OF_TWO, [9871.0, 1.0]], [0, 1] * 10 + [1], "a value is none of those"),
        (LogisticRegression(), [[None, 9871.0]] * 20, [0, 1] * 10, "a value is missing"),
        (LogisticRegression(), ROWS_OF_TWO, [9871] * 20, "its targets are all the same"),
        (GradientBoostingClassifier(), ROWS_OF_TWO, [9871] * 20, "its targets are all the same"),
        (LogisticRegression(), ROWS_OF_TWO, [0.9871, 0.5] * 10, "its targets are no classes"),
        (MultinomialNB(), ROWS_OF_TWO, [0.9871, 0.5] * 10, "its targets are no classes"),
        (RandomForestClassifier(), [[1e300, 0.0]] * 20, [0, 1] * 10, "a number is too large"),
        (
            GridSearchCV(LogisticRegression(), {"C": [1]}, cv=30), ROWS_OF_TWO, [0, 1] * 10,
            "they are too few rows",
        ),
        (MultinomialNB(), [[-9871.0, 1.0]] * 20, [0, 1] * 10, "the estimator does not take them"),
    ],
)  # fmt: skip
@pytest.mark.filterwarnings("ignore:overflow encountered in cast")
def test_why_it_cannot_be_fitted_is_said_without_a_value_of_anybodys(
    estimator: Any, rows: list[Any], targets: list[Any], because: str
) -> None:
    taught = Lesson(rows, targets).rows_for(("a", "b"))
    with pytest.raises(
        NotRetrainable, match=f"^It cannot be fitted on these rows: {because}"
    ) as no:
        refit(estimator, taught)
    assert not re.search(r"secret|987|np\.|\(array", str(no.value))
    assert len(str(no.value)) < 200


def test_a_column_that_mixes_kinds_is_named_at_no_great_length() -> None:
    taught = Lesson([["x"], [1.0]] * 10, [0, 1] * 10).rows_for(("c" * 10_000,))
    with pytest.raises(NotRetrainable, match=f"The column {'c' * 200} mixes text"):
        refit(LinearRegression(), taught)


def test_a_value_that_the_champion_does_not_know_is_not_told() -> None:
    rows, targets = [["red", 1.0], ["blue", 2.0]] * 10, [0, 1] * 10
    choose = ColumnTransformer([("kind", OneHotEncoder(), [0])], remainder="passthrough")
    fitted = make_pipeline(choose, LogisticRegression()).fit(np.array(rows, object), targets)
    services.register_version(
        model_name="colours",
        data=save_estimator(fitted),
        samples=Rows.of(np.array(rows, object)),
        create_missing=True,
    )
    with pytest.raises(NotRetrainable, match="value in them that it does not know") as refused:
        retrained("colours", Lesson([["secret", 1.0], ["blue", 2.0]] * 10, targets))
    assert not re.search(r"secret|np\.", str(refused.value))


def test_targets_of_another_kind_than_the_models_answers_are_told_so() -> None:
    tree_version()
    words = Lesson(lesson().rows, ["setosa", "virginica"] * 30)
    with pytest.raises(NotRetrainable, match="targets are of another kind"):
        retrained(lesson=words)


def test_a_producer_reads_null_where_no_figure_is_defined() -> None:
    read = {"status": "model_retrained", "accuracy": None, "metric": "r2"}
    assert retrain_answer({"metrics": {}}) == read
