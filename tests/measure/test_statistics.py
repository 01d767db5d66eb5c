"""The figures of a report: by hand, against the standard library, and as laws."""

import statistics
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from predictions.measure.statistics import latency, summarise

durations = st.lists(st.floats(min_value=1e-6, max_value=100), min_size=1, max_size=200)


def test_figures_of_a_small_run_computed_by_hand():
    report = summarise([0.010, 0.020, 0.030, 0.040], {"status 503": 1}, total_time_s=0.5)
    assert (report.total, report.successful, report.failed) == (5, 4, {"status 503": 1})
    assert report.requests_per_s == pytest.approx(10)
    values = report.latency_ms
    assert values.mean == pytest.approx(25)
    assert values.median == values.p50 == pytest.approx(25)
    assert values.stdev == pytest.approx((500 / 3) ** 0.5)
    assert values.p95 == pytest.approx(38.5)  # 0.95 * 3 = 2.85: 30 + 0.85 * 10
    assert values.p99 == pytest.approx(39.7)
    assert values.max == pytest.approx(40)


@given(durations.filter(lambda d: len(d) > 1))
def test_figures_equal_the_standard_library(values):
    cuts = statistics.quantiles([v * 1000 for v in values], n=100, method="inclusive")
    measured = latency(values)
    near = {"rel": 1e-9, "abs": 1e-9}
    assert measured.mean == pytest.approx(statistics.fmean(values) * 1000, **near)
    assert measured.median == pytest.approx(statistics.median(values) * 1000, **near)
    assert measured.stdev == pytest.approx(statistics.stdev(values) * 1000, rel=1e-6, abs=1e-6)
    assert measured.p95 == pytest.approx(cuts[94], **near)
    assert measured.p99 == pytest.approx(cuts[98], **near)


@given(durations)
def test_percentiles_are_ordered_and_within_the_data(values):
    measured = latency(values)
    ordered = (min(values) * 1000, measured.p50, measured.p95, measured.p99, measured.max)
    assert all(a <= b or b == pytest.approx(a) for a, b in pairwise(ordered))
    assert measured.max == pytest.approx(max(values) * 1000)


@given(durations, st.randoms())
def test_the_order_of_arrival_does_not_matter(values, random):
    shuffled = random.sample(values, len(values))
    assert latency(shuffled).p99 == pytest.approx(latency(values).p99)


def test_a_single_request_deviates_by_nothing():
    assert latency([0.5]).stdev == 0
    assert latency([0.5]).p99 == pytest.approx(500)


def test_a_run_without_success_has_no_latency():
    report = summarise([], {"timeout": 3}, total_time_s=3)
    assert report.latency_ms is None
    assert (report.total, report.successful, report.requests_per_s) == (3, 0, 1)


def test_a_run_that_sent_nothing_is_all_zeros():
    report = summarise([], {}, total_time_s=0)
    assert (report.total, report.requests_per_s, report.latency_ms) == (0, 0, None)
