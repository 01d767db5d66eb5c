"""Results as tables for a terminal."""

from collections.abc import Iterable, Sequence

from rich.box import SIMPLE_HEAD
from rich.table import Table

from benchmarks.overload import Offered, Overload
from benchmarks.results import Result, pick, ratio
from benchmarks.sides import HELLO, TUTORIAL


def race_table(results: Sequence[Result]) -> Table:
    tutorial, hello = (pick(results, side=side) for side in (TUTORIAL, HELLO))
    columns = ("requests/s", "p50 ms", "p99 ms", "CPU us", "x tutorial", "x hello", "failed")
    shown = _table(["side"], columns)
    for r in results:
        times = (f"{ratio(r, to):.2f}" for to in (tutorial, hello))
        shown.add_row(r.side, *_figures(r), *times, f"{r.failed:,}")
    return shown


def grid_table(results: Sequence[Result]) -> Table:
    """A row for each side, model and layout; requests/s and p99 by connections."""
    connections = sorted({r.connections for r in results})
    shown = _table(["side", "model", "on"], [f"{n}: req/s, p99 ms" for n in connections])
    for name in dict.fromkeys((r.side, r.model, r.layout) for r in results):
        cells = [r for r in results if (r.side, r.model, r.layout) == name]
        by_number = {r.connections: f"{r.requests_per_s:,.0f}  {r.p99_ms:,.1f}" for r in cells}
        shown.add_row(*name, *(by_number[n] for n in connections))
    return shown


def scaling_table(results: Sequence[Result]) -> Table:
    columns = ("rows", "requests/s", "p50 ms", "p99 ms", "CPU us", "failed")
    shown = _table(["side", "on"], columns)
    for r in results:
        shown.add_row(r.side, r.layout, str(r.rows), *_figures(r), f"{r.failed:,}")
    return shown


def overload_table(measured: Overload) -> Table:
    columns = ("offered/s", "accepted/s", "p50 ms", "p99 ms", "refused/s", "p50 ms", "other")
    shown = _table(["open loop"], [*columns, "sent late ms"])
    for name, stretches in (("at capacity", measured.at), ("3 times that", measured.over)):
        for stretch in stretches:
            shown.add_row(name, *_stretch(stretch))
    return shown


def _figures(r: Result) -> Iterable[str]:
    yield f"{r.requests_per_s:,.0f}"
    yield f"{r.p50_ms:.2f}"
    yield f"{r.p99_ms:.2f}"
    yield f"{r.cpu_us_per_request:,.1f}"


def _stretch(stretch: Offered) -> Iterable[str]:
    yield f"{stretch.offered_per_s:,.0f}"
    yield f"{stretch.accepted_per_s:,.0f}"
    yield f"{stretch.accepted_p50_ms:.1f}"
    yield f"{stretch.accepted_p99_ms:.1f}"
    yield f"{stretch.refused_per_s:,.0f}"
    yield f"{stretch.refused_p50_ms:.1f}"
    yield f"{stretch.other:,}"
    yield f"{stretch.late_p99_ms:.1f}"


def _table(names: Sequence[str], figures: Sequence[str]) -> Table:
    shown = Table(box=SIMPLE_HEAD)
    for name in names:
        shown.add_column(name, no_wrap=True)
    for figure in figures:
        shown.add_column(figure, justify="right", no_wrap=True)
    return shown
