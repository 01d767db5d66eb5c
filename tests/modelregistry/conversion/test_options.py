"""A conversion may be told which precisions to try and which opset to write; it names the step
that fails.
"""

import numpy as np
import pytest
from sklearn.base import BaseEstimator
from sklearn.compose import ColumnTransformer
from sklearn.datasets import load_iris
from sklearn.ensemble import GradientBoostingClassifier, RandomForestClassifier, VotingClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.neighbors import NearestCentroid
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import OneHotEncoder, SplineTransformer, StandardScaler
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from modelregistry.conversion.ladder import convert
from modelregistry.conversion.offending import naming_the_step
from modelregistry.conversion.options import HIGHEST_OPSET, LOWEST_OPSET, Options
from modelregistry.conversion.outcome import Conversion
from modelregistry.formats.rows import Rows

IRIS, KINDS = load_iris(return_X_y=True)
LINE = LinearRegression().fit(IRIS[:, :3], IRIS[:, 3])


def converted(estimator: BaseEstimator, options: Options) -> Conversion:
    return convert(estimator, samples=Rows.of(IRIS), options=options)


@pytest.mark.parametrize("opset", [LOWEST_OPSET, 17, HIGHEST_OPSET])
@pytest.mark.parametrize(
    "estimator",
    [
        make_pipeline(StandardScaler(), SVC()),
        RandomForestClassifier(3, random_state=0),
        LogisticRegression(max_iter=1000),
    ],
    ids=lambda estimator: type(estimator).__name__,
)
def test_the_lowest_and_the_highest_opset_are_written_and_read(
    estimator: BaseEstimator, opset: int
) -> None:
    conversion = converted(estimator.fit(IRIS, KINDS), Options(opset=opset))
    assert conversion.onnx is not None, conversion.reason
    assert conversion.parity.form is not None
    assert 1 <= conversion.parity.form.opset <= opset


@pytest.mark.parametrize("dtypes", [("FP32", "FP64"), ("FP64", "FP32"), ("FP64",)])
def test_the_first_precision_that_does_is_taken(dtypes: tuple[str, ...]) -> None:
    conversion = convert(LINE, samples=Rows.of(IRIS[:, :3]), options=Options(dtypes=dtypes))
    assert conversion.signature.inputs[0].datatype == dtypes[0]


def test_a_precision_that_was_not_asked_for_is_not_tried() -> None:
    tree = DecisionTreeClassifier(random_state=0).fit(IRIS, KINDS)
    conversion = converted(tree, Options(dtypes=("FP64",)))
    assert conversion.onnx is None
    assert "ONNX Runtime cannot load it" in conversion.reason
    assert converted(tree, Options(dtypes=("FP64", "FP32"))).onnx is not None


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"dtypes": ()}, "dtypes are FP32, FP64 or both, each once"),
        ({"dtypes": ("FP32", "FP32")}, "dtypes are FP32, FP64 or both, each once"),
        ({"dtypes": ("FP16",)}, "dtypes are FP32, FP64 or both, each once"),
        ({"opset": LOWEST_OPSET - 1}, "opset is a whole number from 9 to 22"),
        ({"opset": HIGHEST_OPSET + 1}, "opset is a whole number from 9 to 22"),
    ],
)
def test_what_cannot_be_asked_for_is_said(options: dict[str, object], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Options(**options)


def splined() -> BaseEstimator:
    return make_pipeline(StandardScaler(), SplineTransformer(), LogisticRegression(max_iter=500))


def test_the_step_of_a_pipeline_that_has_no_converter_is_named() -> None:
    reason = converted(splined().fit(IRIS, KINDS), Options()).reason
    assert reason.startswith(
        "The step 'splinetransformer' (SplineTransformer) cannot be expressed in ONNX"
    )


@pytest.mark.parametrize(
    "holding",
    [
        make_pipeline(
            ColumnTransformer([("curves", SplineTransformer(), [0, 1])], remainder="passthrough"),
            LogisticRegression(max_iter=500),
        ),
        make_pipeline(FeatureUnion([("curves", SplineTransformer())]), SVC()),
        VotingClassifier([("curves", NearestCentroid()), ("tree", DecisionTreeClassifier())]),
    ],
    ids=["columns", "union", "vote"],
)
def test_it_is_named_however_deep_it_lies(holding: BaseEstimator) -> None:
    assert "step 'curves' (" in converted(holding.fit(IRIS, KINDS), Options()).reason


def test_the_step_that_the_runtime_cannot_load_is_found_by_trying_each() -> None:
    model = make_pipeline(StandardScaler(), GradientBoostingClassifier(n_estimators=2))
    reason = converted(model.fit(IRIS, KINDS), Options(dtypes=("FP64",))).reason
    assert reason.startswith(
        "At the step 'gradientboostingclassifier' (GradientBoostingClassifier): ONNX Runtime "
        "cannot load it"
    )


def test_steps_that_hold_text_beside_numbers_are_tried_one_by_one() -> None:
    table = np.array([[1.0, "a"], [2.0, "b"], [3.0, "a"], [4.0, "b"]] * 5, dtype=object)
    prepare = ColumnTransformer([("s", StandardScaler(), [0]), ("k", OneHotEncoder(), [1])])
    model = make_pipeline(prepare, DecisionTreeRegressor()).fit(table, [0, 1] * 10)
    reason = convert(model, samples=Rows.of(table), options=Options(dtypes=("FP64",))).reason
    assert "step 'decisiontreeregressor' (DecisionTreeRegressor)" in reason


def test_where_every_step_works_alone_none_is_blamed() -> None:
    model = make_pipeline(StandardScaler(), LogisticRegression())
    assert naming_the_step(model, "It fails.", lambda step: True) == "It fails."
