"""Comparisons: alternating rounds, medians, and no ratio where requests failed."""

import asyncio

import pytest

from modelregistry.formats.rows import Rows
from modelregistry.formats.signature import Signature, TensorSpec
from predictions.measure.comparisons import batches, compare_routes, compare_runtimes
from predictions.measure.load import Plan

TABLE = Rows(columns=("a", "b"), values=tuple((float(n), n + 0.5) for n in range(100)))
SIGNATURE = Signature(
    inputs=(TensorSpec(name="X", datatype="FP32", shape=(-1, 2)),),
    outputs=(TensorSpec(name="value", datatype="FP32", shape=(-1, 1)),),
    columns=("a", "b"),
)


class Ticking:
    """A runtime on a clock of its own: each run takes `fixed_s` and `row_s` for every row."""

    signature = SIGNATURE
    classes = None

    def __init__(self, clock, fixed_s, row_s):
        self.clock, self.fixed_s, self.row_s = clock, fixed_s, row_s

    def run(self, inputs, outputs):
        assert list(outputs) == ["value"]
        self.clock[0] += self.fixed_s + self.row_s * len(inputs["X"])
        return [inputs["X"][:, :1]]


def test_runtimes_are_compared_by_microseconds_a_row():
    clock = [0.0]
    sklearn = Ticking(clock, fixed_s=0.001, row_s=1e-6)
    onnx = Ticking(clock, fixed_s=0.00001, row_s=1e-6)
    one, some, many = compare_runtimes(sklearn, onnx, TABLE, clock=lambda: clock[0])
    assert [c.batch for c in (one, some, many)] == [1, 32, 256]
    assert one.sklearn_us_per_row == pytest.approx(1001)
    assert one.onnx_us_per_row == pytest.approx(11)
    assert one.ratio == pytest.approx(91)
    assert many.sklearn_us_per_row == pytest.approx(1000 / 256 + 1)
    assert one.ratio > some.ratio > many.ratio > 1


def test_batches_hold_different_rows():
    made = batches(Ticking([0.0], 0, 0), TABLE, 32)
    firsts = [float(batch["X"][0, 0]) for batch in made]
    assert all(batch["X"].shape == (32, 2) for batch in made)
    assert len(set(firsts)) > 8


def test_routes_alternate_and_each_gets_its_share(server):
    slow, fast = (
        Plan(url=server.url + path, bodies=(body,), requests=50, concurrency=2)
        for path, body in (("/slow-route", b"1"), ("/fast-route", b"2"))
    )
    compared = asyncio.run(compare_routes("one row", slow, fast))
    assert server.bodies == ([b"1"] * 10 + [b"2"] * 10) * 5
    assert compared.ratio > 0
    assert compared.baseline.route == f"{server.url}/slow-route"
    assert compared.contender.p50_ms <= compared.contender.p99_ms


def test_a_route_that_fails_has_no_ratio(server):
    slow, fast = (
        Plan(url=server.url + path, bodies=(b"{}",), requests=10, concurrency=2)
        for path in ("/ok", "/status/503")
    )
    compared = asyncio.run(compare_routes("one row", slow, fast))
    assert compared.ratio is None
    assert compared.contender.failed == {"status 503": 10}
    assert compared.contender.p50_ms is None
    assert compared.baseline.failed == {}
