"""Plain Celery producers get the tutorial's results, and their work is a job like any other."""

import uuid

import pytest

from tests.kinds.asking import job, produced
from tests.running import Stack

pytestmark = pytest.mark.stack
SETOSA, VIRGINICA = [5.1, 3.5, 1.4, 0.2], [6.7, 3.0, 5.2, 2.3]


def test_one_row_is_predicted(stack: Stack) -> None:
    by_place, by_name = produced(
        stack, ("predict_task", [VIRGINICA], {}), ("predict_task", [], {"features": SETOSA})
    )
    assert by_place["result"] == {"prediction": 2, "status": "completed"}
    assert by_name["result"] == {"prediction": 0, "status": "completed"}


def test_many_rows_are_predicted_and_the_job_is_kept(stack: Stack) -> None:
    (answer,) = produced(stack, ("batch_predict_task", [[SETOSA, VIRGINICA]], {}))
    assert answer["result"] == {"predictions": [0, 2], "count": 2, "status": "completed"}
    row = job(stack, answer["id"])
    assert (row["kind"], row["state"], row["origin"]) == (
        "batch_predict_task",
        "succeeded",
        "direct",
    )
    assert row["result"] == answer["result"]
    assert (row["subject"]["label"], row["owner"]) == ("iris", None)


def test_the_default_model_is_retrained_without_arguments(stack: Stack) -> None:
    (answer,) = produced(stack, ("retrain_model_task", [], {}))
    assert answer["result"].keys() == {"status", "accuracy"}
    assert answer["result"]["status"] == "model_retrained"
    assert 0.8 < answer["result"]["accuracy"] <= 1
    row = job(stack, answer["id"])
    assert row["result"]["model"] == "iris"
    assert row["result"]["metrics"] == {"accuracy": answer["result"]["accuracy"]}


def test_a_regressors_accuracy_is_r2_and_says_so(stack: Stack) -> None:
    (answer,) = produced(stack, ("retrain_model_task", [], {"model": "diabetes"}))
    r2 = job(stack, answer["id"])["result"]["metrics"]["r2"]
    assert answer["result"] == {"status": "model_retrained", "accuracy": r2, "metric": "r2"}


def test_rows_that_are_sent_are_learnt(stack: Stack) -> None:
    rows = [SETOSA, VIRGINICA] * 10
    (answer,) = produced(stack, ("retrain_model_task", [rows, [0, 2] * 10], {}))
    assert answer["result"] == {"status": "model_retrained", "accuracy": 1.0}
    result = job(stack, answer["id"])["result"]
    assert (result["trained_rows"], result["heldout_rows"]) == (15, 5)


REFUSED = {
    "Expected `int | float`, got `str`": ("predict_task", [["5.1", 3.5, 1.4, 0.2]], {}),
    "It takes other arguments.": ("predict_task", [], {}),
    "Expected `array`": ("predict_task", [str(uuid.uuid4())], {}),
    "length >= 1": ("batch_predict_task", [[]], {}),
    "length >= 10": ("retrain_model_task", [[[1.0] * 4] * 9, [0, 1, 2] * 3], {}),
    "come together": ("retrain_model_task", [[[1.0] * 4] * 10], {}),
    "There is no model of this name.": ("retrain_model_task", [], {"model": "nobody"}),
    "this kind needs one": ("convert_model_task", ["iris", 1], {}),
    "It has no row": ("load_test_task", [], {"model": "iris"}),
}


def test_arguments_that_make_no_sense_are_refused_and_the_worker_lives(stack: Stack) -> None:
    *refused, after = produced(stack, *REFUSED.values(), ("predict_task", [SETOSA], {}))
    for because, answer in zip(REFUSED, refused, strict=True):
        assert because in answer["error"], answer
    assert after["result"]["prediction"] == 0


def test_a_row_that_the_model_does_not_take_fails_with_its_reason(stack: Stack) -> None:
    (answer,) = produced(stack, ("predict_task", [[5.1, 3.5]], {}))
    assert "expected 4 values, got 2" in answer["error"]
    row = job(stack, answer["id"])
    assert (row["state"], row["error"]["code"]) == ("failed", "wrong_input")
