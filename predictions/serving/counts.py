"""What the lane counts of a model in this process: plain numbers, which others fold into metrics.

Only the event loop's thread writes them, so that none is lost; any thread may read.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from typing import Final

from predictions.serving.calls import Part
from predictions.serving.errors import DeadlineExceeded, Overloaded

SECONDS: Final = (
    0.00001, 0.000025, 0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005,
    0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
)  # fmt: skip
ROWS: Final = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 4096, 16384, 65536)


class Distribution:
    """How many values were at most which bound, but over the one before; and their sum."""

    __slots__ = ("_bounds", "buckets", "total")

    def __init__(self, bounds: Sequence[float]) -> None:
        self._bounds = bounds
        self.buckets = [0] * (len(bounds) + 1)  # not cumulative; the last is without a bound
        self.total = 0.0

    def add(self, value: float) -> None:
        self.buckets[bisect_left(self._bounds, value)] += 1
        self.total += value

    def add_all(self, values: list[float]) -> None:
        """Quicker than one by one where they are much alike: a bucket's are counted at once."""
        if len(values) == 1:
            self.add(values[0])
            return
        bounds, ordered, done = self._bounds, sorted(values), 0
        while done < len(ordered):
            at = bisect_left(bounds, ordered[done])
            end = bisect_right(ordered, bounds[at], done) if at < len(bounds) else len(ordered)
            self.buckets[at] += end - done
            done = end
        self.total += sum(ordered)


class BatchTimes:
    """What one batch took. Its batcher has one batch at a time: whoever runs that writes here, and
    the loop counts it afterwards.
    """

    __slots__ = ("runs", "waits")

    def __init__(self) -> None:
        self.waits: list[float] = []  # seconds in the queue, of each request that begins to run
        self.runs: list[tuple[int, float, float]] = []  # rows; seconds of assembly and inference

    def begin(self, batch: Iterable[Part], now: float) -> None:
        """At `now`, of the batcher's clock. Later slices of a request have waited for others."""
        self.waits = [now - part.call.queued_at for part in batch if part.start == 0]

    def ran(self, rows: int, started: float, assembled: float, ended: float) -> None:
        self.runs.append((rows, assembled - started, ended - assembled))


class Counts:
    """Of one model, whichever of its versions were asked.

    `queue` and `encode` have a value (seconds) a request, `assembly`, `inference` (seconds) and
    `batch_rows` one a run of the model, also where that raises.
    """

    __slots__ = (
        "assembly", "batch_rows", "cache_hits", "cache_misses", "cancelled", "encode", "expired",
        "inference", "queue", "rejected", "waiting_rows",
    )  # fmt: skip

    def __init__(self) -> None:
        self.queue = Distribution(SECONDS)
        self.assembly = Distribution(SECONDS)
        self.inference = Distribution(SECONDS)
        self.encode = Distribution(SECONDS)
        self.batch_rows = Distribution(ROWS)
        self.waiting_rows = 0
        self.rejected = 0
        self.expired = 0
        self.cancelled = 0
        self.cache_hits = 0
        self.cache_misses = 0

    def add(self, times: BatchTimes) -> None:
        """Count a batch that is over, once."""
        self.queue.add_all(times.waits)
        for rows, assembly_s, inference_s in times.runs:
            self.batch_rows.add(rows)
            self.assembly.add(assembly_s)
            self.inference.add(inference_s)
        times.waits, times.runs = [], []

    def look_up(self, *, found: bool) -> None:
        """A request whose answer is kept needed a run, or not because one before it had it."""
        if found:
            self.cache_hits += 1
        else:
            self.cache_misses += 1

    def refuse(self, error: Exception) -> None:
        """A request of the model's was answered with `error`."""
        if isinstance(error, Overloaded):
            self.rejected += 1
        elif isinstance(error, DeadlineExceeded):
            self.expired += 1
