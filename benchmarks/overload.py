"""What a server does when three times as much is asked as it can answer."""

import contextlib
import os
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from math import inf
from statistics import median

import numpy as np

from benchmarks.open_loop import Load, Outcomes, offer, request_bytes
from benchmarks.servers import Running
from benchmarks.sides import Side

TIMES = 3  # what is offered, in capacities
LATE_MS = 10.0  # a load tool that sends later than this measures itself


@dataclass(frozen=True, slots=True, kw_only=True)
class Offered:
    """One stretch of open-loop load. `other` is what was neither answered nor refused properly.

    `late_p99_ms` is the generator's own delay, which all times contain.
    """

    offered_per_s: float
    accepted_per_s: float
    accepted_p50_ms: float
    accepted_p99_ms: float
    refused_per_s: float
    refused_p50_ms: float
    other: int
    late_p99_ms: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Overload:
    """Stretches at capacity and over it in turn; memory is that of all the server's processes,
    `grown_mb` what it has gained from the end of the first stretch over capacity to the last's.
    """

    capacity_per_s: float
    at: tuple[Offered, ...]
    over: tuple[Offered, ...]
    grown_mb: float
    processes: int

    @property
    def times_p99(self) -> float:
        """Accepted requests' p99 over capacity, in times that at capacity: median of the pairs."""
        pairs = [
            (s.accepted_p99_ms, t.accepted_p99_ms) for s, t in zip(self.at, self.over, strict=True)
        ]
        return median(over / at if at and over else inf for at, over in pairs)

    @property
    def refused_p50_ms(self) -> float:
        return median(stretch.refused_p50_ms for stretch in self.over)

    @property
    def other(self) -> int:
        return sum(stretch.other for stretch in (*self.at, *self.over))

    def doubts(self) -> list[str]:
        """Why these figures should not be believed."""
        late_ms = max(stretch.late_p99_ms for stretch in (*self.at, *self.over))
        if late_ms <= LATE_MS:
            return []
        late = f"overload: the load tool itself was {late_ms:.0f} ms late (p99): something else"
        return [f"{late} uses its core, and these figures say nothing about the server."]


def overload(
    server: Running,
    side: Side,
    *,
    capacity_per_s: float,
    rounds: int,
    seconds: int,
    cpus: Collection[int],
) -> Overload:
    """Offer `side`'s requests from `cpus`, at its capacity and at three times that."""
    url = server.url + side.path
    sent = [request_bytes(url, side.headers, body) for body in side.bodies]

    def stretch(times: int) -> Offered:
        rate = capacity_per_s * times
        load = Load(url=url, requests=sent, rate=rate, seconds=seconds)
        return figures(offer(load), seconds)

    with on(cpus):
        stretch(TIMES)  # connections are made, buffers grow
        before_mb, processes = server.memory_mb(), server.processes()
        pairs = [(stretch(1), stretch(TIMES)) for _ in range(rounds)]
        grown_mb = server.memory_mb() - before_mb
    at, over = zip(*pairs, strict=True)
    return Overload(
        capacity_per_s=capacity_per_s, at=at, over=over, grown_mb=grown_mb, processes=processes
    )


@contextlib.contextmanager
def on(cpus: Collection[int]) -> Iterator[None]:
    """This process has these processors inside."""
    usual = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cpus)
    try:
        yield
    finally:
        os.sched_setaffinity(0, usual)


def figures(outcomes: Outcomes, seconds: float) -> Offered:
    accepted, refused = outcomes.accepted_s, outcomes.refused_s
    return Offered(
        offered_per_s=outcomes.offered / seconds,
        accepted_per_s=len(accepted) / seconds,
        accepted_p50_ms=_percentile_ms(accepted, 50),
        accepted_p99_ms=_percentile_ms(accepted, 99),
        refused_per_s=len(refused) / seconds,
        refused_p50_ms=_percentile_ms(refused, 50),
        other=outcomes.other,
        late_p99_ms=_percentile_ms(outcomes.late_s, 99),
    )


def _percentile_ms(seconds: Sequence[float], percent: float) -> float:
    """0 where there is none."""
    return float(np.percentile(seconds, percent)) * 1000 if seconds else 0.0
