"""What Prometheus reads of each model's predictions on the lane: phases, batches, queue, refusals.

The label `model` comes from the registry, for what the engine has loaded; versions are no label.
"""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from prometheus_client import Counter, Gauge, Histogram

from mlapi.observability import raise_histogram
from predictions.serving.counts import ROWS, SECONDS, Counts, Distribution

PHASE: Final = Histogram(
    "prediction_phase_seconds",
    "Seconds a request waits (queue), a run of the model takes (assembly of its input, inference), "
    "and a request's answer takes to be written (encode).",
    ["model", "phase"],
    buckets=SECONDS,
)
BATCH_ROWS: Final = Histogram(
    "prediction_batch_rows", "Rows of a run of the model.", ["model"], buckets=ROWS
)
QUEUE_ROWS: Final = Gauge(
    "prediction_queue_rows",
    "Rows that wait; of a request larger than a batch, one batch.",
    ["model"],
    multiprocess_mode="livesum",
)
REJECTED: Final = Counter(
    "predictions_rejected_total", "Requests refused because too many wait.", ["model"]
)
EXPIRED: Final = Counter("predictions_expired_total", "Requests whose time was over.", ["model"])
CANCELLED: Final = Counter(
    "predictions_cancelled_total", "Requests whose clients left before the answer.", ["model"]
)
CACHE_HITS: Final = Counter(
    "predictions_cache_hits_total",
    "Requests answered by what was kept, or by the run of another who asked for the same.",
    ["model"],
)
CACHE_MISSES: Final = Counter(
    "predictions_cache_misses_total", "Requests that ran to have their answer kept.", ["model"]
)


@dataclass(slots=True)
class _Rising:
    """Brings a counter up to a number."""

    read: Callable[[], int]
    counter: Counter
    folded: int = 0

    def fold(self) -> None:
        now = self.read()
        if now != self.folded:
            self.counter.inc(now - self.folded)
            self.folded = now


@dataclass(slots=True)
class _Level:
    """Sets a gauge to a number."""

    read: Callable[[], int]
    gauge: Gauge

    def fold(self) -> None:
        self.gauge.set(self.read())


class _Spread:
    """Brings a histogram up to a distribution."""

    __slots__ = ("_counted", "_folded", "_histogram")

    def __init__(self, counted: Distribution, histogram: Histogram) -> None:
        self._counted = counted
        self._folded = ([0] * len(counted.buckets), 0.0)
        self._histogram = histogram

    def fold(self) -> None:
        now = (self._counted.buckets.copy(), self._counted.total)
        if now != self._folded:
            raise_histogram(self._histogram, now, self._folded)
            self._folded = now


class ModelMeter:
    """Folds what `counted` gives, by model, into the metrics; from any thread."""

    def __init__(self, counted: Callable[[], Mapping[str, Counts]]) -> None:
        self._counted = counted
        self._series: dict[str, list[_Rising | _Level | _Spread]] = {}
        self._folding = threading.Lock()

    def fold(self) -> None:
        with self._folding:
            for model, counts in self._counted().items():
                if model not in self._series:
                    self._series[model] = _series(model, counts)
                for series in self._series[model]:
                    series.fold()


def _series(model: str, counts: Counts) -> list[_Rising | _Level | _Spread]:
    return [
        _Spread(counts.queue, PHASE.labels(model, "queue")),
        _Spread(counts.assembly, PHASE.labels(model, "assembly")),
        _Spread(counts.inference, PHASE.labels(model, "inference")),
        _Spread(counts.encode, PHASE.labels(model, "encode")),
        _Spread(counts.batch_rows, BATCH_ROWS.labels(model)),
        _Level(lambda: counts.waiting_rows, QUEUE_ROWS.labels(model)),
        _Rising(lambda: counts.rejected, REJECTED.labels(model)),
        _Rising(lambda: counts.expired, EXPIRED.labels(model)),
        _Rising(lambda: counts.cancelled, CANCELLED.labels(model)),
        _Rising(lambda: counts.cache_hits, CACHE_HITS.labels(model)),
        _Rising(lambda: counts.cache_misses, CACHE_MISSES.labels(model)),
    ]
