"""How large and how fast an ONNX form is beside its source. Measured once, after the proof."""

from collections.abc import Callable
from dataclasses import dataclass
from statistics import median
from time import perf_counter
from typing import TypeAlias

import numpy as np
import onnx

from modelregistry.conversion.parity import Form, Latency
from modelregistry.conversion.sampling import quietly
from modelregistry.formats.estimators import Estimator, answer, output_names
from modelregistry.formats.onnx_format import OnnxRuntime, open_onnx
from modelregistry.formats.rows import Rows
from modelregistry.formats.skops_format import load_estimator

BATCHES = (1, 32, 1024)
MOST_RUNS = 7
SHARE_S = 0.15  # of each of the measurements; all of them together stay below two seconds
GROWTH = 8  # a batch is rarely dearer than so many times the one before it

Clock: TypeAlias = Callable[[], float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """An estimator, the file it came from (empty where it came from none), and its ONNX form."""

    estimator: Estimator
    source: bytes
    runtime: OnnxRuntime
    onnx: bytes


def measure(pair: Pair, rows: Rows, *, clock: Clock = perf_counter) -> Form:
    """Sizes, load times and latencies; `rows` are put to both, repeated to fill a batch."""
    with quietly():
        latency = _latency(pair, rows, clock)
        return Form(
            dtype=next(
                (spec.datatype for spec in pair.runtime.signature.inputs
                 if spec.datatype != "BYTES"), "BYTES",
            ),
            opset=opset_of(pair.onnx),
            source_bytes=len(pair.source) or None,
            onnx_bytes=len(pair.onnx),
            source_load_ms=_once(lambda: load_estimator(pair.source), clock)
            if pair.source
            else None,
            onnx_load_ms=_once(lambda: open_onnx(pair.onnx), clock),
            latency=latency,
        )  # fmt: skip


def opset_of(data: bytes) -> int:
    """Of the standard operators; 0 where a model uses none of them."""
    imported = onnx.load_model_from_string(data).opset_import
    return next((entry.version for entry in imported if entry.domain in ("", "ai.onnx")), 0)


def _latency(pair: Pair, rows: Rows, clock: Clock) -> tuple[Latency, ...]:
    names = output_names(pair.estimator)

    def source(count: int) -> Callable[[], object]:
        table = _filled(rows, count).matrix()
        return lambda: [answer(pair.estimator, name, table) for name in names]

    def form(count: int) -> Callable[[], object]:
        tensors = _filled(rows, count).tensors(pair.runtime.signature)
        return lambda: pair.runtime.run(tensors, names)

    columns = zip(BATCHES, _medians(source, clock), _medians(form, clock), strict=True)
    return tuple(Latency(rows=n, source_ms=ours, onnx_ms=theirs) for n, ours, theirs in columns)


def _filled(rows: Rows, count: int) -> Rows:
    return rows.at(np.resize(np.arange(len(rows)), count).tolist())


def _medians(call_for: Callable[[int], Callable[[], object]], clock: Clock) -> list[float | None]:
    """Milliseconds for each batch; None for those that would take more than their share."""
    found: list[float | None] = []
    last = 0.0
    for count in BATCHES:
        if last * GROWTH > SHARE_S * 1000:
            found.append(None)
            continue
        last = _median(call_for(count), clock)
        found.append(last)
    return found


def _median(call: Callable[[], object], clock: Clock) -> float:
    """Of a few runs; the first, which warms up, counts only where there is time for no other."""
    runs: list[float] = []
    while len(runs) < MOST_RUNS and sum(runs) < SHARE_S * 1000:
        runs.append(_once(call, clock))
    return round(median(runs[1:] or runs), 4)


def _once(call: Callable[[], object], clock: Clock) -> float:
    began = clock()
    call()
    return round((clock() - began) * 1000, 4)
