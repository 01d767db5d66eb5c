"""What the latencies of a run say, as one frozen value. Pure: seconds in, milliseconds out."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

import numpy as np


@dataclass(frozen=True, slots=True, kw_only=True)
class Latency:
    """Milliseconds over a set of requests.

    Percentiles interpolate linearly between order statistics (definition 7 of Hyndman and Fan,
    "Sample Quantiles in Statistical Packages", 1996: numpy's default), so p50 is the median.
    `stdev` is the sample's standard deviation (divided by n - 1); 0 for a single request.
    """

    mean: float
    median: float
    stdev: float
    p50: float
    p95: float
    p99: float
    max: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """A finished or interrupted run.

    `requests_per_s` counts every outcome, as wrk does. `latency_ms` covers the successful
    requests alone: refusals are quick and would flatter. It is None where nothing succeeded.
    """

    total: int
    successful: int
    failed: Mapping[str, int]
    total_time_s: float
    requests_per_s: float
    latency_ms: Latency | None

    def to_json(self) -> dict[str, object]:
        return asdict(self)


def summarise(
    durations_s: Sequence[float], failed: Mapping[str, int], total_time_s: float
) -> Report:
    """The report over the successful requests' durations and the failures by kind."""
    total = len(durations_s) + sum(failed.values())
    return Report(
        total=total,
        successful=len(durations_s),
        failed=dict(failed),
        total_time_s=total_time_s,
        requests_per_s=total / total_time_s if total_time_s > 0 else 0.0,
        latency_ms=latency(durations_s) if durations_s else None,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Bucket:
    """How many requests took `from_ms` up to `to_ms`."""

    from_ms: float
    to_ms: float
    count: int


def histogram(durations_s: Sequence[float], buckets: int = 24) -> list[Bucket]:
    """Every duration in one bucket: equal ones up to the 99th percentile, and one for the rest."""
    if not durations_s:
        return []
    values = np.asarray(durations_s, dtype=np.float64) * 1000
    edges = np.linspace(values.min(), np.percentile(values, 99), buckets + 1)
    edges = np.unique(np.append(edges, values.max()))
    if len(edges) == 1:
        return [Bucket(from_ms=float(edges[0]), to_ms=float(edges[0]), count=len(values))]
    counts, _ = np.histogram(values, edges)
    return [
        Bucket(from_ms=float(low), to_ms=float(high), count=int(count))
        for low, high, count in zip(edges[:-1], edges[1:], counts, strict=True)
    ]


def latency(durations_s: Sequence[float]) -> Latency:
    """Statistics of at least one duration."""
    values = np.asarray(durations_s, dtype=np.float64) * 1000
    p50, p95, p99 = (float(p) for p in np.percentile(values, (50, 95, 99)))
    return Latency(
        mean=float(values.mean()),
        median=p50,
        stdev=float(values.std(ddof=1)) if len(values) > 1 else 0.0,
        p50=p50,
        p95=p95,
        p99=p99,
        max=float(values.max()),
    )
