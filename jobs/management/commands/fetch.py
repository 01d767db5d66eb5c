"""`manage.py fetch URL`: ask for JSON as the service itself would, and say how it went."""

import asyncio
import json
import statistics
from argparse import ArgumentTypeError
from collections.abc import Sequence
from time import perf_counter
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from prometheus_client import CollectorRegistry

from jobs.outbound.addresses import EVERYWHERE
from jobs.outbound.client import JsonValue, Options
from jobs.outbound.errors import OutboundError
from jobs.outbound.metrics import Metrics
from jobs.outbound.outbound import Outbound

PRIVATE = ("not a public address.", "not public.")  # what --allow-private lets through
FEW = 10  # times that are shown one by one


class Command(BaseCommand):
    help = (
        "Fetch URL, print its JSON, the time of each fetch, cache hits and connections used. "
        "One URL, --repeat times, one after the other. Exit code 1 when no JSON could be had."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("url", help="http:// or https://, without credentials")
        parser.add_argument("--repeat", type=_positive, default=1, metavar="N")
        parser.add_argument("--no-cache", action="store_true", help="ask the server every time")
        parser.add_argument(
            "--allow-private",
            action="store_true",
            help="also addresses that are not public: this machine, the network around it",
        )

    def handle(
        self, *, url: str, repeat: int, no_cache: bool, allow_private: bool, **_: Any
    ) -> None:
        registry = CollectorRegistry()
        options = Options(allowed=EVERYWHERE if allow_private else ())
        outbound = Outbound(options, metrics=Metrics(registry))
        try:
            value, times = asyncio.run(fetch(outbound, url, repeat, use_cache=not no_cache))
        except OutboundError as error:
            hint = " --allow-private permits it." if str(error).endswith(PRIVATE) else ""
            raise CommandError(f"not fetched: {error}{hint}") from error
        self.stdout.write(json.dumps(value, indent=2))  # escapes what a terminal would obey
        self.stdout.write("\n".join(report(times, registry)))


async def fetch(
    outbound: Outbound, url: str, repeat: int, *, use_cache: bool
) -> tuple[JsonValue, list[float]]:
    """The last answer, and the milliseconds that each fetch took. Raises OutboundError."""
    value: JsonValue = None
    times = []
    try:
        for _ in range(repeat):
            started = perf_counter()
            value = await outbound.fetch(url, use_cache)
            times.append((perf_counter() - started) * 1000)
    finally:
        await outbound.close()
    return value, times


def report(times: Sequence[float], registry: CollectorRegistry) -> list[str]:
    hits = registry.get_sample_value("outbound_cache_total", {"result": "hit"})
    connections = registry.get_sample_value("outbound_connections_total")
    return [
        f"fetches      {len(times)}",
        f"times        {_shown(times)} ms",
        f"cache hits   {hits or 0:.0f}",
        f"connections  {connections or 0:.0f}",
    ]


def _shown(times: Sequence[float]) -> str:
    if len(times) <= FEW:
        return ", ".join(f"{one:.2f}" for one in times)
    return (
        f"first {times[0]:.2f}, median {statistics.median(times):.2f}, slowest {max(times):.2f}, "
        f"all {sum(times):.2f}"
    )


def _positive(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) == 0:
        raise ArgumentTypeError("a whole number of at least 1 is needed")
    return int(text)
