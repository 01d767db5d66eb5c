"""A comparison's result as figures, tables and plots for its job's page."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec
from django.template.defaultfilters import filesizeformat
from django.urls import reverse
from django.utils.formats import date_format

from jobs.panels import show_result
from modelregistry.admin.reading import NOTHING, figure, spoken
from modelregistry.conversion.parity import in_words
from modelregistry.models import ModelVersion, RegisteredModel
from modelregistry.tasks import COMPARE

A_COLOUR, B_COLOUR = "var(--color-base-400)", "var(--color-primary-600)"
GRID = {"grid": {"display": True}, "ticks": {}}
OPTIONS = {
    "animation": False,
    "responsive": True,
    "maintainAspectRatio": False,
    "plugins": {"legend": {"display": True, "labels": {}}},
    "scales": {"x": GRID, "y": {**GRID, "type": "logarithmic"}},
}


@dataclass(frozen=True, slots=True)
class Line:
    """One fact of both versions."""

    name: str
    a: str
    b: str


@dataclass(frozen=True, slots=True)
class Figure:
    name: str
    value: str


def compared_context(result: Mapping[str, Any]) -> dict[str, Any]:
    """What templates/admin/jobs/compare_versions.html shows of what run_compare answers."""
    a, b = result["a"], result["b"]
    return {
        "a": f"Version {a['version']}",
        "b": f"Version {b['version']}",
        "page": _page(result),
        "figures": list(_figures(result)),
        "rows": _rows_in_words(result["rows"]),
        "notes": list(_notes(result)),
        "measured": list(_measured(result)),
        "known": list(known_facts(a, b)),
        "table": _table(result["table"]),
        "verdict": result["verdict"],
        "histogram": _histogram(result["histogram"]),
        "latency": _latency(result),
        "options": msgspec.json.encode(OPTIONS).decode(),
        "columns": result["columns"],
        "columns_left_out": result["columns_left_out"],
        "with_targets": result["rows"]["with_targets"],
        "worst": [_worst(row) for row in result["worst"]],
        "difference": _difference(result),
    }


def known_facts(a: Mapping[str, Any], b: Mapping[str, Any]) -> Iterator[Line]:
    """What is known of two versions without asking them anything."""
    yield Line("Runtime", *(_runtime(one["runtime"]) for one in (a, b)))
    yield Line("Size", *(filesizeformat(one["size_bytes"]) for one in (a, b)))
    yield Line("Created", *(_moment(one["created_at"]) for one in (a, b)))
    yield Line("Parity with its source", *(_parity(one["parity"]) for one in (a, b)))
    for name in dict.fromkeys((*a["metrics"], *b["metrics"])):
        yield Line(
            f"{spoken(name)}, as registered", *(figure(one["metrics"], name) for one in (a, b))
        )


def _figures(result: Mapping[str, Any]) -> Iterator[Figure]:
    found = result["agreement"]
    share = f"{100 * found['equal'] / found['rows']:.4g} %"
    yield Figure("Answered alike", f"{found['equal']:,} of {found['rows']:,} rows, {share}")
    of = " of probabilities" if result["labelled"] else ""
    if found["max_abs_diff"] is not None:
        yield Figure(f"Largest difference{of}", in_words(found["max_abs_diff"]))
        yield Figure(f"Mean difference{of}", in_words(found["mean_abs_diff"]))
    if found["not_finite"]:
        yield Figure("Differences that are not finite", f"{found['not_finite']:,}")


def _rows_in_words(rows: Mapping[str, Any]) -> str:
    whose = " and ".join(map(str, rows["versions"]))
    which = f"{rows['which']} rows of version{'s' if len(rows['versions']) > 1 else ''} {whose}"
    count = f"{rows['asked']:,}"
    if rows["kept"] > rows["asked"]:
        count += f" of {rows['kept']:,}, evenly taken,"
    return f"Both were asked the {which}: {count}."


def _notes(result: Mapping[str, Any]) -> Iterator[str]:
    rows = result["rows"]
    yield from rows["notes"]
    for side in ("a", "b"):
        refused = rows["asked"] - rows[f"answered_by_{side}"]
        if refused:
            number, verb = result[side]["version"], "is" if refused == 1 else "are"
            yield f"Version {number} does not take {refused:,} of the rows; they {verb} left out."
    if result["task"] == "clustering":
        yield "Clusters are numbered as they are found: another number may be the same cluster."


def _measured(result: Mapping[str, Any]) -> Iterator[Line]:
    """What came out of these rows: scores where targets are known, and how long it took."""
    a, b = (result["scores"][side] for side in ("a", "b"))
    for name in dict.fromkeys((*a, *b)):
        yield Line(spoken(name), figure(a, name), figure(b, name))
    for each in result["latency"]:
        name = "1 row takes" if each["batch"] == 1 else f"{each['batch']:,} rows take"
        yield Line(name, _duration(each["a_ms"]), _duration(each["b_ms"]))


def _table(table: Mapping[str, Any] | None) -> list[tuple[Any, list[tuple[int, str]]]] | None:
    """Each label of the first version with its counts, and whether they are alike."""
    if table is None:
        return None
    return [
        (label, [(count, _kind(row, column, count)) for column, count in enumerate(counts)])
        for row, (label, counts) in enumerate(zip(table["labels"], table["counts"], strict=True))
    ]


def _kind(row: int, column: int, count: int) -> str:
    """The cell's class: counted apart, alike, or nothing."""
    if not count:
        return ""
    return "mlapi-alike" if row == column else "mlapi-apart"


def _worst(row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        **row,
        "a": _answer(row["a"], row["a_probability"]),
        "b": _answer(row["b"], row["b_probability"]),
        "values": [NOTHING if value is None else _number(value) for value in row["values"]],
        "target": NOTHING if row["target"] is None else _number(row["target"]),
        "difference": in_words(row["difference"]),
    }


def _difference(result: Mapping[str, Any]) -> str:
    """What the column of differences is called; empty where there are none to show."""
    if not result["labelled"]:
        return "Difference"
    return "" if result["agreement"]["max_abs_diff"] is None else "Of probabilities"


def _answer(value: Any, probability: float | None) -> str:
    shown = _number(value)
    return shown if probability is None else f"{shown} ({100 * probability:.3g} %)"


def _number(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(_number, value))
    if value is None:
        return "not finite"
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _histogram(bars: Iterable[Mapping[str, Any]]) -> str:
    """Bars named by their middles."""
    found = [(f"{(bar['low'] + bar['high']) / 2:.3g}", bar["count"]) for bar in bars]
    if not found:
        return ""
    return _chart([name for name, _ in found], [("rows", B_COLOUR, [n for _, n in found])])


def _latency(result: Mapping[str, Any]) -> str:
    """Microseconds a row, at every size of batch."""
    names = [f"{each['batch']:,} at once" for each in result["latency"]]
    sides = [
        (
            f"version {result[side]['version']}",
            colour,
            [round(1000 * each[f"{side}_ms"] / each["batch"], 4) for each in result["latency"]],
        )
        for side, colour in (("a", A_COLOUR), ("b", B_COLOUR))
    ]
    return _chart(names, sides)


def _chart(names: list[str], sides: list[tuple[str, str, list[Any]]]) -> str:
    """The data of unfold's bar chart."""
    datasets = [
        {"label": label, "data": data, "backgroundColor": colour, "maxBarThickness": 40}
        for label, colour, data in sides
    ]
    return msgspec.json.encode({"labels": names, "datasets": datasets}).decode()


def _page(result: Mapping[str, Any]) -> str:
    """The page that shows the two side by side; empty where the model is gone."""
    model = RegisteredModel.objects.filter(name=result["model"]).first()
    return "" if model is None else pair_page(model, result["a"]["version"], result["b"]["version"])


def pair_page(model: RegisteredModel, a: int, b: int) -> str:
    address = reverse("admin:modelregistry_registeredmodel_compare_versions", args=(model.pk,))
    return f"{address}?a={a}&b={b}"


def _runtime(name: str) -> str:
    return str(ModelVersion.Runtime(name).label)


def _moment(text: str) -> str:
    return date_format(datetime.fromisoformat(text), "DATETIME_FORMAT")


def _parity(parity: Mapping[str, Any]) -> str:
    if parity.get("status", "none") == "none":
        return "not compared"
    return f"{parity['status']} over {parity['rows']:,} rows"


def _duration(milliseconds: float) -> str:
    if milliseconds < 1:
        return f"{1000 * milliseconds:.3g} µs"
    return f"{milliseconds:,.0f} ms" if milliseconds >= 1000 else f"{milliseconds:.3g} ms"


show_result(kind=COMPARE, template="admin/jobs/compare_versions.html", context=compared_context)
