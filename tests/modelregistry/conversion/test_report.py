"""The report says how far answers differ, where most, and what the ONNX form costs."""

from collections.abc import Iterator
from itertools import count

import numpy as np
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression

from modelregistry.conversion.comparing import compare
from modelregistry.conversion.differences import Answers
from modelregistry.conversion.ladder import convert
from modelregistry.conversion.marking import Side
from modelregistry.conversion.measuring import BATCHES, Pair, measure
from modelregistry.conversion.parity import SAMPLES, ParityReport
from modelregistry.formats.onnx_format import open_onnx
from modelregistry.formats.rows import Rows
from modelregistry.formats.signature import Tensor
from modelregistry.formats.skops_format import save_estimator

IRIS, KINDS = load_iris(return_X_y=True)
MODEL = LogisticRegression(max_iter=1000).fit(IRIS, KINDS)


def off_by(gaps: Tensor, width: int = 2) -> ParityReport:
    """A source that answers its first column, and a form that is off by the gaps."""
    rows = Rows.of(np.arange(float(len(gaps) * width)).reshape(-1, width))

    def source(some: Rows) -> Answers:
        return {"value": some.matrix()[:, :1]}

    def onnx(some: Rows) -> Answers:
        return {"value": some.matrix()[:, :1] + gaps[: len(some), None]}

    return compare(Side(source), Side(onnx), [(SAMPLES, rows)], rows_from=SAMPLES)


def test_largest_mean_and_percentile_are_of_all_rows() -> None:
    found = off_by(np.array([0.0] * 199 + [2.0]))
    (part,) = found.sets
    for figures in (found, part):
        assert figures.max_abs_diff == 2.0
        assert figures.mean_abs_diff == 0.01
        assert figures.p99_abs_diff == 0.0


def test_sums_are_over_the_rows_of_all_sets_that_decide() -> None:
    def shifted(rows: Rows) -> Answers:
        return {"value": rows.matrix() + 1}

    sets = [("samples", Rows.of(np.zeros((3, 1)))), ("held-out", Rows.of(np.ones((1, 1))))]
    whole = Side(lambda rows: {"value": rows.matrix()})
    found = compare(whole, Side(shifted), sets, rows_from=SAMPLES)
    assert (found.rows, found.mean_abs_diff, found.p99_abs_diff) == (4, 1.0, 1.0)
    assert sum(bin_.rows for bin_ in found.histogram) == 4


def test_the_spread_counts_rows_by_decade() -> None:
    found = off_by(np.array([0.0, 0.0, 3e-3, 0.4, 7.0, np.inf]))
    spread = {bin_.up_to: bin_.rows for bin_ in found.histogram if bin_.rows}
    assert spread == {0.0: 2, 1e-2: 1, 1.0: 1, np.inf: 2}
    assert found.to_json()["histogram"][-1] == {"up_to": None, "rows": 2}


def test_the_worst_rows_come_with_place_values_and_both_answers() -> None:
    found = off_by(np.linspace(0, 1, 30))
    worst = found.sets[0].worst
    assert [row.row for row in worst] == list(range(30, 20, -1))
    first = worst[0]
    assert (first.verdict, first.values, first.difference) == ("number", (58.0, 59.0), 1.0)
    assert (first.source, first.onnx) == (58.0, 59.0)


def test_rows_that_count_come_before_rows_that_differ_more() -> None:
    rows = Rows.of(np.array([[1e9], [1.0]]))
    source = Side(lambda some: {"value": some.matrix()})
    onnx = Side(lambda some: {"value": some.matrix() + np.array([[5.0], [0.01]])[: len(some)]})
    worst = compare(source, onnx, [(SAMPLES, rows)], rows_from=SAMPLES).sets[0].worst
    assert [(row.row, row.verdict) for row in worst] == [(2, "number"), (1, "within")]


def test_rows_that_are_very_wide_are_named_by_their_place_alone() -> None:
    (row,) = off_by(np.array([0.0, 1.0]), width=101).sets[0].worst
    assert (row.row, row.values) == (2, None)


def test_long_texts_are_cut() -> None:
    rows = Rows(columns=("text",), values=(("x" * 5000,),))
    sides = [Side(lambda some, gap=gap: {"value": np.full((1, 1), gap)}) for gap in (0.0, 1.0)]
    (row,) = compare(*sides, [(SAMPLES, rows)], rows_from=SAMPLES).sets[0].worst
    assert row.values == ("x" * 200,)


def test_differences_that_are_not_finite_are_null_in_every_field() -> None:
    kept = off_by(np.array([np.nan] * 5)).to_json()
    figures = [kept[name] for name in ("max_abs_diff", "mean_abs_diff", "p99_abs_diff")]
    assert figures == [None, None, None]
    assert kept["sets"][0]["worst"][0]["difference"] is None


def test_a_conversion_says_what_its_form_is_and_costs() -> None:
    file = save_estimator(MODEL)
    conversion = convert(MODEL, samples=Rows.of(IRIS), source=file)
    form = conversion.parity.form
    assert form is not None
    assert conversion.onnx is not None
    assert (form.dtype, form.opset) == ("FP32", 21)
    assert (form.source_bytes, form.onnx_bytes) == (len(file), len(conversion.onnx))
    assert form.source_load_ms is not None
    assert form.source_load_ms > 0
    assert form.onnx_load_ms > 0
    assert [each.rows for each in form.latency] == [1, 32, 1024]
    assert all(each.source_ms and each.onnx_ms for each in form.latency)


def ticking(seconds: float) -> Iterator[float]:
    return (tick * seconds for tick in count())


def test_batches_that_would_take_long_are_not_measured() -> None:
    onnx = convert(MODEL, samples=Rows.of(IRIS)).onnx
    assert onnx is not None
    pair = Pair(estimator=MODEL, source=b"", runtime=open_onnx(onnx), onnx=onnx)
    ticks = ticking(0.1)  # every call takes a tenth of a second
    form = measure(pair, Rows.of(IRIS), clock=lambda: next(ticks))
    assert [each.rows for each in form.latency] == list(BATCHES)
    assert [each.source_ms for each in form.latency] == [100.0, None, None]
    assert (form.source_bytes, form.source_load_ms) == (None, None)
