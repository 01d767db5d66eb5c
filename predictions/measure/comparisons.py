"""Two things measured side by side: routes through HTTP, runtimes in process. Pure.

Rounds alternate between the two and medians count, so that a machine that slows down for a while
slows down both.
"""

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain, cycle, islice
from statistics import median

from modelregistry.formats.rows import Rows
from modelregistry.formats.runtime import Runtime
from modelregistry.formats.signature import Tensor
from predictions.measure.load import Plan, Tally, generate
from predictions.measure.statistics import Report

BATCH_SIZES = (1, 32, 256)
ROUNDS = 5
DIFFERENT_BATCHES = 16
SLICE_S = 0.05  # time that one side runs before it is the other's turn
Inputs = dict[str, Tensor]


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteFigures:
    """Medians over the rounds; latencies are None in a route where nothing succeeded."""

    route: str
    requests_per_s: float
    p50_ms: float | None
    p99_ms: float | None
    failed: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteComparison:
    """`ratio`: how many times as many requests a second the contender answers."""

    subject: str
    baseline: RouteFigures
    contender: RouteFigures
    ratio: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchComparison:
    """In process. `ratio`: how many times as long a row takes in scikit-learn."""

    batch: int
    sklearn_us_per_row: float
    onnx_us_per_row: float
    ratio: float


async def compare_routes(subject: str, baseline: Plan, contender: Plan) -> RouteComparison:
    """Both plans, a share of their requests each round. A failed request never counts as speed."""
    first, second = [], []
    for _ in range(ROUNDS):
        first.append(await _round(baseline))
        second.append(await _round(contender))
    return RouteComparison(
        subject=subject,
        baseline=_figures(baseline.url, first),
        contender=_figures(contender.url, second),
        ratio=_ratio(first, second),
    )


async def _round(plan: Plan) -> Report:
    tally = Tally()
    await generate(replace(plan, requests=max(1, plan.requests // ROUNDS)), tally)
    return tally.report()


def _ratio(baseline: Sequence[Report], contender: Sequence[Report]) -> float | None:
    """Median over the rounds; None where any request failed: refusing is quick."""
    if any(report.failed for report in chain(baseline, contender)):
        return None
    pairs = zip(contender, baseline, strict=True)
    return median(a.requests_per_s / b.requests_per_s for a, b in pairs)


def _figures(route: str, reports: Sequence[Report]) -> RouteFigures:
    failed: Counter[str] = Counter()
    for report in reports:
        failed.update(report.failed)
    latencies = [report.latency_ms for report in reports if report.latency_ms]
    return RouteFigures(
        route=route,
        requests_per_s=median(report.requests_per_s for report in reports),
        p50_ms=median(latency.p50 for latency in latencies) if latencies else None,
        p99_ms=median(latency.p99 for latency in latencies) if latencies else None,
        failed=dict(failed),
    )


def compare_runtimes(
    sklearn: Runtime,
    onnx: Runtime,
    rows: Rows,
    *,
    clock: Callable[[], float] = time.perf_counter,
) -> list[BatchComparison]:
    """The prediction of both for batches of each size, made of `rows` in turn."""
    return [_compare_batch(size, sklearn, onnx, rows, clock) for size in BATCH_SIZES]


def _compare_batch(
    size: int, sklearn: Runtime, onnx: Runtime, rows: Rows, clock: Callable[[], float]
) -> BatchComparison:
    slices: dict[str, list[float]] = {"sklearn": [], "onnx": []}
    for _ in range(ROUNDS):
        for name, runtime in (("sklearn", sklearn), ("onnx", onnx)):
            per_call = _seconds_a_call(runtime, batches(runtime, rows, size), clock)
            slices[name].append(per_call / size * 1e6)
    return BatchComparison(
        batch=size,
        sklearn_us_per_row=median(slices["sklearn"]),
        onnx_us_per_row=median(slices["onnx"]),
        ratio=median(a / b for a, b in zip(slices["sklearn"], slices["onnx"], strict=True)),
    )


def batches(runtime: Runtime, rows: Rows, size: int) -> list[Inputs]:
    """Different batches of `size` rows, the table taken in turn, as the runtime's inputs."""
    turns = cycle(rows.values)
    taken = (tuple(islice(turns, size)) for _ in range(DIFFERENT_BATCHES))
    tables = (Rows(columns=rows.columns, values=values) for values in taken)
    return [table.tensors(runtime.signature) for table in tables]


def _seconds_a_call(
    runtime: Runtime, inputs: Sequence[Inputs], clock: Callable[[], float]
) -> float:
    """The mean over one slice of time; one call before it warms up."""
    outputs = [runtime.signature.outputs[0].name]
    runtime.run(inputs[0], outputs)
    began, calls = clock(), 0
    for batch in cycle(inputs):
        runtime.run(batch, outputs)
        calls += 1
        if clock() - began >= SLICE_S:
            break
    return (clock() - began) / calls
