"""How long two models take for the same rows, in turn. Pure."""

import time
from collections.abc import Callable
from statistics import median

import msgspec

from modelregistry.comparison.answers import inputs_of
from modelregistry.formats.rows import Rows
from modelregistry.formats.runtime import Runtime

BATCHES = (1, 32, 1024)
ROUNDS = 5
SLICE_S = 0.02  # that one model runs before it is the other's turn
LONGEST_S = 3.0  # for one batch, both models together; then fewer rounds are made

Call = Callable[[], object]
Clock = Callable[[], float]


class Latency(msgspec.Struct, frozen=True, kw_only=True):
    """The median of each model's calls with so many rows, in milliseconds."""

    batch: int
    a_ms: float
    b_ms: float


def latencies(
    a: Runtime, b: Runtime, rows: Rows, watch: Callable[[], None] = lambda: None
) -> tuple[Latency, ...]:
    """At every size of BATCHES; where there are fewer rows, they come again and again."""
    found = []
    for batch in BATCHES:
        watch()
        again = rows.at([place % len(rows) for place in range(batch)])
        a_ms, b_ms = in_turn(_call(a, again), _call(b, again))
        found.append(Latency(batch=batch, a_ms=a_ms, b_ms=b_ms))
    return tuple(found)


def in_turn(a: Call, b: Call, clock: Clock = time.perf_counter) -> tuple[float, float]:
    """The median of each one's calls in milliseconds, after one that does not count."""
    for call in (a, b):
        call()
    begun, of_a, of_b = clock(), [], []
    for _ in range(ROUNDS):
        of_a += _timed(a, clock)
        of_b += _timed(b, clock)
        if clock() - begun > LONGEST_S:
            break
    return 1000 * median(of_a), 1000 * median(of_b)


def _timed(call: Call, clock: Clock) -> list[float]:
    durations: list[float] = []
    begun = clock()
    while not durations or clock() - begun < SLICE_S:
        before = clock()
        call()
        durations.append(clock() - before)
    return durations


def _call(runtime: Runtime, rows: Rows) -> Call:
    """A call as serving makes it: all outputs of the model."""
    inputs = inputs_of(runtime, rows)
    names = [spec.name for spec in runtime.signature.outputs]
    return lambda: runtime.run(inputs, names)
