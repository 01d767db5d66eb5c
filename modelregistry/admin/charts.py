"""The bars of a parity report: how far answers differ, and how long they take. Pure.

Each bar is a share of its chart's longest; the template draws it, with its figure beside it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

SOURCE, ONNX = "scikit-learn", "ONNX"


@dataclass(frozen=True, slots=True)
class Bar:
    name: str
    figure: str
    percent: float
    colour: str  # main, other or bad: what the stylesheet knows


@dataclass(frozen=True, slots=True)
class Chart:
    caption: str
    bars: tuple[Bar, ...]


def spread(caption: str, bins: Iterable[Mapping[str, Any]], tolerance: float) -> Chart | None:
    """Rows by decade of their difference; None where nothing was counted."""
    counted = list(bins)
    most = max((each["rows"] for each in counted), default=0)
    if not most:
        return None
    bars = [
        Bar(
            name=_decade(each["up_to"]),
            figure=f"{each['rows']:,}",
            percent=100 * each["rows"] / most,
            colour="bad" if each["up_to"] is None or each["up_to"] > tolerance else "main",
        )
        for each in counted
    ]
    return Chart(caption, tuple(bars))


def _decade(end: float | None) -> str:
    if end is None:
        return "over 1, or not finite"
    return "none at all" if end == 0 else f"up to {end:g}".replace("e-0", "e-")


def latencies(found: Iterable[Mapping[str, Any]]) -> list[Chart]:
    """For each size of a batch both sides, against the slower of the two."""
    return [
        Chart(_batch(each), _both(each["source_ms"], each["onnx_ms"]))
        for each in found
        if each["source_ms"] or each["onnx_ms"]
    ]


def _batch(each: Mapping[str, Any]) -> str:
    rows = "1 row" if each["rows"] == 1 else f"{each['rows']:,} rows"
    if not each["source_ms"] or not each["onnx_ms"]:
        return rows
    ratio = each["source_ms"] / each["onnx_ms"]
    faster, times = (ONNX, ratio) if ratio >= 1 else (SOURCE, 1 / ratio)
    return f"{rows}: {faster} is {times:,.{1 if times < 10 else 0}f} times as fast"


def _both(source: float | None, onnx: float | None) -> tuple[Bar, ...]:
    slowest = max(source or 0, onnx or 0)
    return tuple(
        Bar(name, milliseconds(took), 100 * (took or 0) / slowest, colour)
        for name, took, colour in ((SOURCE, source, "other"), (ONNX, onnx, "main"))
    )


def milliseconds(took: float | None) -> str:
    if took is None:
        return "not measured"
    return f"{took:,.0f} ms" if took >= 100 else f"{took:.3g} ms"
