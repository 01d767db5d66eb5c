"""Pipelines people bring, from .skops to the answers of what serves them: those of scikit-learn.

Each is asked on rows it was not fitted on, with categories it has not seen and values left out,
where it takes those.
"""

import msgspec
import numpy as np
import pytest
from sklearn.base import BaseEstimator
from sklearn.ensemble import RandomForestClassifier

from modelregistry.conversion.outcome import Conversion
from modelregistry.errors import RefusedFile
from modelregistry.formats.estimators import as_taken
from modelregistry.formats.opening import open_runtime
from modelregistry.formats.rows import Rows
from modelregistry.formats.runtime import RowsRefused, Runtime
from modelregistry.formats.signature import Tensor
from modelregistry.formats.skops_format import save_estimator
from modelregistry.ingestion.opening import convert_source, read_source
from predictions.errors import WrongInput
from predictions.protocols.native import NativeCodec
from predictions.serving.engine import run_unbatched
from tests.modelregistry.conversion.pipelines import CASES, FITTED, UNSEEN, Case, fitted


def handed_in(case: Case, model: BaseEstimator) -> tuple[Conversion, Runtime]:
    """As the registry does it: the file, samples and held-out rows, and what then serves it."""
    file = save_estimator(model)
    samples = Rows.of(case.rows[:FITTED], columns=case.columns)
    heldout = Rows.of(case.rows[FITTED:], columns=case.columns)
    source = read_source(file, samples=samples, heldout=heldout)
    conversion = convert_source(source)
    runtime = open_runtime(
        "onnx" if conversion.onnx else "sklearn",
        conversion.onnx or file,
        signature=conversion.signature,
        classes=source.classes,
    )
    return conversion, runtime


def asked(runtime: Runtime, rows: Tensor) -> list[Tensor]:
    """The rows as a client sends them through the native protocol: no value is null."""
    body = msgspec.json.encode({"rows": Rows.of(rows).values})
    request = NativeCodec(runtime.signature).request(body)
    names = [spec.name for spec in runtime.signature.outputs]
    return run_unbatched(runtime, request.rows.inputs, names)


@pytest.mark.parametrize("name", CASES)
def test_what_serves_a_pipeline_answers_as_the_pipeline(name: str) -> None:
    case = CASES[name]
    model = fitted(case)
    conversion, runtime = handed_in(case, model)
    assert conversion.signature.missing == case.missing
    assert (conversion.onnx is None) == bool(case.reason)
    assert case.reason in conversion.reason
    label, *numbers = asked(runtime, case.rows)
    rows = as_taken(model, case.rows)
    assert label.tolist() == model.predict(rows).tolist()
    for found in numbers:
        np.testing.assert_allclose(found, model.predict_proba(rows), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", [name for name in CASES if name.endswith("categories refused")])
def test_unseen_categories_are_refused_where_scikit_learn_refuses_them(name: str) -> None:
    model = fitted(CASES[name])
    conversion, runtime = handed_in(CASES[name], model)
    assert conversion.onnx is not None
    with pytest.raises(ValueError, match="unknown categories"):
        model.predict(UNSEEN)
    with pytest.raises(RowsRefused):
        asked(runtime, UNSEEN)


@pytest.mark.parametrize("name", [name for name in CASES if not CASES[name].missing])
def test_null_is_refused_where_a_value_may_not_be_missing(name: str) -> None:
    case = CASES[name]
    _, runtime = handed_in(case, fitted(case))
    gap = case.rows[:1].astype(object)
    gap[0, 0] = np.nan
    with pytest.raises(WrongInput, match=r"expected (a number|a string), got null"):
        asked(runtime, gap)


@pytest.mark.filterwarnings("ignore")  # made rows overflow what nobody handed in
@pytest.mark.parametrize("name", CASES)
def test_a_pipeline_needs_no_sample_rows(name: str) -> None:
    case = CASES[name]
    source = read_source(save_estimator(fitted(case)))
    assert len(source.samples) == 256


def test_several_labels_a_row_are_refused() -> None:
    forest = RandomForestClassifier(3).fit(np.eye(4), np.eye(4)[:, :2])
    with pytest.raises(RefusedFile, match="several labels a row"):
        read_source(save_estimator(forest))
