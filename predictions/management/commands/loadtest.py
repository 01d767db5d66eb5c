"""manage.py loadtest URL: send so many requests, so many in flight, and say how it went."""

import sys
from contextlib import nullcontext
from pathlib import Path
from random import Random
from typing import Any
from urllib.parse import urlsplit

import msgspec
import uvloop
from django.core.management.base import BaseCommand, CommandError, CommandParser
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from predictions.management.arguments import http_url, positive
from predictions.management.tables import heading, report_table, show
from predictions.measure.bodies import bodies_for, iris_rows, read_bodies
from predictions.measure.errors import MeasureError
from predictions.measure.load import Plan, Tally, check_reachable, generate

SEED = 20  # the same rows in every run, so that runs can be compared
ROWS = 2000
INTERRUPTED = 130  # what a shell calls the end by Ctrl-C


class Command(BaseCommand):
    help = (
        "Post JSON bodies to URL and print counts, throughput and latencies. Exit code 1 when any "
        "request failed, 2 when nothing could be sent. This client is one Python process: above "
        "some thousand requests/s it measures itself; `make bench` uses wrk."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("url", type=http_url, help="e.g. http://127.0.0.1:8000/predict-async")
        parser.add_argument("--requests", type=positive, default=1000, metavar="N")
        parser.add_argument("--concurrency", type=positive, default=50, metavar="C")
        parser.add_argument("--timeout", type=positive, default=30, help="seconds a request")
        parser.add_argument(
            "--data", type=Path, help="one JSON body a line, or one JSON list of bodies"
        )
        parser.add_argument("--key", help="API key, sent as Authorization: Bearer KEY")
        parser.add_argument("--json", action="store_true", help="print JSON and nothing else")

    def handle(self, **options: Any) -> None:
        try:
            plan = plan_from(**options)
            check_reachable(plan.url)
        except MeasureError as error:
            raise CommandError(str(error), returncode=2) from error
        tally = Tally()
        interrupted = run(plan, tally, quiet=options["json"])
        self.write(tally, plan, as_json=options["json"])
        if interrupted or tally.failed:
            sys.exit(INTERRUPTED if interrupted else 1)

    def write(self, tally: Tally, plan: Plan, *, as_json: bool) -> None:
        report = tally.report()
        if as_json:
            self.stdout.write(msgspec.json.encode(report.to_json()).decode())
        else:
            title = heading(f"{plan.url}, {plan.concurrency} in flight")
            show(self.stdout, title, report_table(report))


def plan_from(
    *,
    url: str,
    data: Path | None,
    requests: int,
    concurrency: int,
    timeout: int,
    key: str | None,
    **_: object,
) -> Plan:
    """The plan that the options ask for. Raises MeasureError where there is nothing to send."""
    bodies = read_bodies(data) if data else bodies_for(urlsplit(url).path, rows())
    if bodies is None:
        raise MeasureError("this route takes bodies of your own; name a file of them with --data.")
    return Plan(
        url=url,
        bodies=bodies,
        requests=requests,
        concurrency=concurrency,
        timeout_s=timeout,
        headers={"Authorization": f"Bearer {key}"} if key else {},
    )


def rows() -> list[tuple[float, ...]]:
    return iris_rows(ROWS, Random(SEED))  # noqa: S311 (rows, not secrets)


def run(plan: Plan, tally: Tally, *, quiet: bool) -> bool:
    """Carry the plan out under a progress bar; True when Ctrl-C ended it early."""
    try:
        with nullcontext() if quiet else progress_bar() as bar:
            if bar is None:
                uvloop.run(generate(plan, tally))
            else:
                task = bar.add_task("requests", total=plan.requests)
                uvloop.run(generate(plan, tally, lambda: bar.advance(task)))
    except KeyboardInterrupt:
        return True
    return False


def progress_bar() -> Progress:
    """On standard error, where it does not end up in a file of results."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    return Progress(
        *columns, TimeRemainingColumn(), console=console, disable=not console.is_terminal
    )
