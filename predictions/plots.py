"""A load test's result as figures and plots for its page in the admin."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

PERCENTILES = ("p50", "p95", "p99", "max")
COLOUR = "var(--color-primary-600)"


@dataclass(frozen=True, slots=True)
class Fact:
    name: str
    value: str


def load_test_context(result: Mapping[str, Any]) -> dict[str, Any]:
    """What templates/admin/jobs/load_test.html shows of what run_load_test answers."""
    latency = result["latency_ms"]
    return {
        "facts": list(_facts(result)),
        "failed": result["failed"],
        "latency": None if latency is None else [Fact(n, f"{latency[n]:.2f} ms") for n in latency],
        "percentiles": None if latency is None else _percentiles(latency),
        "histogram": _histogram(result["histogram"]) if result["histogram"] else None,
    }


def _facts(result: Mapping[str, Any]) -> Iterable[Fact]:
    yield Fact("Requests per second", f"{result['requests_per_s']:,.0f}")
    yield Fact("Answered", f"{result['successful']:,} of {result['total']:,}")
    yield Fact("In flight", str(result["concurrency"]))
    yield Fact("Rows in each", str(result["rows"]))
    yield Fact("Took", f"{result['total_time_s']:.1f} s")


def _percentiles(latency: Mapping[str, float]) -> str:
    return _chart([(name, latency[name]) for name in PERCENTILES], "milliseconds")


def _histogram(buckets: list[Mapping[str, Any]]) -> str:
    """Bars named by where they begin; the last reaches from the 99th percentile to the slowest."""
    bars = [(f"{bucket['from_ms']:.1f}", bucket["count"]) for bucket in buckets]
    if len(bars) > 1:
        bars[-1] = (f"over {bars[-1][0]}", bars[-1][1])
    return _chart(bars, "requests")


def _chart(bars: list[tuple[str, float]], unit: str) -> str:
    """The data of unfold's bar chart."""
    values = [round(value, 3) for _, value in bars]
    dataset = {"label": unit, "data": values, "backgroundColor": COLOUR, "maxBarThickness": 40}
    return msgspec.json.encode(
        {"labels": [name for name, _ in bars], "datasets": [dataset]}
    ).decode()
