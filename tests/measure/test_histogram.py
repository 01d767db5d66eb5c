"""Durations in buckets: every request is in one, and the slow tail does not flatten the rest."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from predictions.measure.statistics import histogram


@given(st.lists(st.floats(min_value=1e-6, max_value=60), min_size=1, max_size=300))
def test_every_request_is_counted_once(durations_s: list[float]) -> None:
    buckets = histogram(durations_s)
    assert sum(bucket.count for bucket in buckets) == len(durations_s)
    assert buckets[0].from_ms == pytest.approx(min(durations_s) * 1000)
    assert buckets[-1].to_ms == pytest.approx(max(durations_s) * 1000)
    for before, after in pairwise(buckets):
        assert before.to_ms == after.from_ms


def test_one_slow_request_in_many_has_a_bucket_of_its_own() -> None:
    buckets = histogram([0.001 + at / 1e6 for at in range(1000)] + [30.0])
    assert len(buckets) == 25
    assert buckets[-2].to_ms < 3
    assert buckets[-1].to_ms == 30_000


def test_no_request_has_no_buckets() -> None:
    assert histogram([]) == []
