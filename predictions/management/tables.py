"""Measurements as tables for the terminal. Layout only."""

import io
from collections.abc import Sequence
from urllib.parse import urlsplit

from django.core.management.base import OutputWrapper
from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from predictions.measure.comparisons import BatchComparison, RouteComparison, RouteFigures
from predictions.measure.statistics import Report


def show(out: OutputWrapper, *parts: RenderableType) -> None:
    """Write rich renderables to a command's output, in colour where that is a terminal."""
    buffer = io.StringIO()
    Console(file=buffer, force_terminal=out.isatty(), width=None if out.isatty() else 100).print(
        *parts, sep="\n"
    )
    out.write(buffer.getvalue(), ending="")


def heading(text: str) -> Text:
    """A title of its own line: a table's would wrap at the table's width."""
    return Text(text, style="bold")


def grid(*columns: str) -> Table:
    """A table whose first column is words and whose others are figures."""
    table = Table()
    for at, column in enumerate(columns):
        table.add_column(column, justify="right" if at else "left")
    return table


def report_table(report: Report) -> Table:
    table = grid("measured", "value")
    table.add_row("requests", f"{report.total:,}")
    table.add_row("successful", f"[green]{report.successful:,}[/]")
    failed = sum(report.failed.values())
    table.add_row("failed", f"[red]{failed:,}[/]" if failed else "0")
    for kind, count in sorted(report.failed.items()):
        table.add_row(f"  {kind}", f"[red]{count:,}[/]")
    table.add_row("total time", f"{report.total_time_s:.2f} s")
    table.add_row("requests/s", f"{report.requests_per_s:,.1f}", end_section=True)
    _add_latency(table, report)
    return table


def _add_latency(table: Table, report: Report) -> None:
    if report.latency_ms is None:
        return
    for label, field in (("mean", "mean"), ("median", "median"), ("standard deviation", "stdev")):
        table.add_row(label, f"{getattr(report.latency_ms, field):.2f} ms")
    for field in ("p50", "p95", "p99", "max"):
        table.add_row(field, f"{getattr(report.latency_ms, field):.2f} ms")


def batches_table(batches: Sequence[BatchComparison]) -> Table:
    table = grid("rows a batch", "scikit-learn us/row", "ONNX Runtime us/row", "ratio")
    for batch in batches:
        table.add_row(
            f"{batch.batch}",
            f"{batch.sklearn_us_per_row:,.2f}",
            f"{batch.onnx_us_per_row:,.2f}",
            f"[bold]{batch.ratio:.1f} x[/]",
        )
    return table


def routes_table(comparisons: Sequence[RouteComparison]) -> Table:
    table = grid("a request", "route", "requests/s", "p50 ms", "p99 ms", "failed", "ratio")
    for comparison in comparisons:
        ratio = "none" if comparison.ratio is None else f"[bold]{comparison.ratio:.1f} x[/]"
        table.add_row(comparison.subject, *_figures(comparison.baseline), "1.0 x")
        table.add_row("", *_figures(comparison.contender), ratio, end_section=True)
    return table


def _figures(figures: RouteFigures) -> tuple[str, ...]:
    failed = ", ".join(f"{kind}: {count:,}" for kind, count in sorted(figures.failed.items()))
    return (
        urlsplit(figures.route).path,
        f"{figures.requests_per_s:,.0f}",
        "-" if figures.p50_ms is None else f"{figures.p50_ms:.2f}",
        "-" if figures.p99_ms is None else f"{figures.p99_ms:.2f}",
        f"[red]{failed}[/]" if failed else "0",
    )
