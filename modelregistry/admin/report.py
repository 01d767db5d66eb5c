"""A version's parity report in the admin: a summary on its page, and a page of its own."""

from collections.abc import Iterable, Mapping
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.defaultfilters import filesizeformat
from django.template.loader import render_to_string
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.safestring import SafeString

from modelregistry.admin.charts import ONNX, SOURCE, latencies, milliseconds, spread
from modelregistry.admin.reading import parity_badge
from modelregistry.admin.starting import found
from modelregistry.admin.waiting import words_of
from modelregistry.conversion.budget import DEFAULT_BUDGET, Budget
from modelregistry.conversion.parity import in_words
from modelregistry.models import ModelVersion

PAGE = "admin:modelregistry_modelversion_report"
VERDICTS = {
    "label": "another label",
    "number": "out of tolerance",
    "tie": "tie",
    "threshold": "on a threshold",
    "within": "within tolerance",
}
DIFFERENCES = ("max_abs_diff", "mean_abs_diff", "p99_abs_diff")


class ReportPage:
    """Mixed into the admin of versions."""

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.report_page)  # type: ignore[attr-defined]
        name = PAGE.removeprefix("admin:")
        others: list[URLPattern] = super().get_urls()  # type: ignore[misc]
        return [path("<path:object_id>/report/", view, name=name), *others]

    def report_page(self, request: HttpRequest, object_id: str) -> HttpResponse:
        version: ModelVersion = found(self, request, object_id)  # type: ignore[arg-type]
        if not self.has_view_permission(request, version):  # type: ignore[attr-defined]
            raise PermissionDenied
        context = {
            **self.admin_site.each_context(request),  # type: ignore[attr-defined]
            "title": f"Parity of {version}",
            "opts": self.opts,  # type: ignore[attr-defined]
            "original": version,
            "version": version,
            "unchecked": words_of(version),
            **report_context(version),
        }
        return TemplateResponse(request, "admin/modelregistry/report/page.html", context)

    @admin.display(description="Comparison with the source")
    def parity_summary(self, version: ModelVersion) -> SafeString:
        return render_to_string("admin/modelregistry/parity.html", summary_context(version))


def summary_context(version: ModelVersion) -> dict[str, Any]:
    """What templates/admin/modelregistry/parity.html shows."""
    parity = version.parity
    budget = budget_of(parity)
    return {
        "badge": parity_badge(version),
        "parity": parity,
        "sets": [_in_words(part) for part in parity.get("sets", ())],
        "tolerance": f"{budget.tolerance:g}",
        "budget": budget.in_words(),
        "page": reverse(PAGE, args=(version.pk,)),
        "json": reverse("version-report", args=(version.model.name, version.number)),
    }


def report_context(version: ModelVersion) -> dict[str, Any]:
    """What templates/admin/modelregistry/report/ shows; reports made earlier hold less of it."""
    form, sets = version.parity.get("form"), version.parity.get("sets", ())
    return {
        **summary_context(version),
        "spreads": list(_spreads(version.parity)),
        "worst": [_worst(part, version) for part in sets if "worst" in part],
        "latencies": latencies(form["latency"]) if form else [],
        "facts": _facts(form) if form else [],
    }


def budget_of(parity: Mapping[str, Any]) -> Budget:
    """What the version was held against."""
    return Budget(
        tolerance=parity.get("tolerance", DEFAULT_BUDGET.tolerance),
        allowed_mismatches=parity.get("allowed_mismatches", DEFAULT_BUDGET.allowed_mismatches),
    )


def _in_words(part: Mapping[str, Any]) -> dict[str, Any]:
    """A set's figures; a difference that earlier reports did not keep is a dash."""
    words = {name: in_words(part[name]) if name in part else "-" for name in DIFFERENCES}
    return {**part, **words, "decides": part.get("decides", True)}


def _spreads(parity: Mapping[str, Any]) -> Iterable[object]:
    tolerance = budget_of(parity).tolerance
    beside = [part for part in parity.get("sets", ()) if not part.get("decides", True)]
    charts = [spread("Rows that decide", parity.get("histogram", ()), tolerance)]
    charts += [spread("Generated rows", part["histogram"], tolerance) for part in beside]
    return [chart for chart in charts if chart]


def _worst(part: Mapping[str, Any], version: ModelVersion) -> dict[str, Any]:
    columns = version.signature.get("columns", ())
    rows = [
        {
            **row,
            "verdict": VERDICTS[row["verdict"]],
            "difference": in_words(row["difference"]),
            "source": _answer(row["source"]),
            "onnx": _answer(row["onnx"]),
            "values": row["values"] and list(zip(columns, row["values"], strict=False)),
        }
        for row in part["worst"]
    ]
    return {"name": part["name"], "decides": part.get("decides", True), "rows": rows}


def _answer(found: object) -> str:
    """As long as single precision is exact."""
    if isinstance(found, list):
        return ", ".join(_answer(each) for each in found)
    return f"{found:.9g}" if isinstance(found, float) else str(found)


def _facts(form: Mapping[str, Any]) -> list[tuple[str, str]]:
    size = form["source_bytes"]
    return [
        ("Precision", form["dtype"]),
        ("Opset", str(form["opset"])),
        (f"Size, {SOURCE}", filesizeformat(size) if size else "no file"),
        (f"Size, {ONNX}", filesizeformat(form["onnx_bytes"])),
        (f"Loads in, {SOURCE}", milliseconds(form["source_load_ms"])),
        (f"Loads in, {ONNX}", milliseconds(form["onnx_load_ms"])),
    ]
