"""The rows that are kept with a version: the first of them on its page, all of them as CSV."""

from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.template.loader import render_to_string
from django.urls import URLPattern, path, reverse
from django.utils.safestring import SafeString

from modelregistry import services
from modelregistry.admin.starting import found
from modelregistry.errors import DamagedArtifact, StoreUnavailable
from modelregistry.formats.kept import KeptRows
from modelregistry.formats.runtime import FormatError
from modelregistry.models import ModelVersion
from modelregistry.pieces import CsvOfRows, PieceByPiece
from modelregistry.services import RowSet

FIRST = 10
MOST_COLUMNS = 40
CSV = "modelregistry_modelversion_rows"
WHICH: dict[str, RowSet] = {"samples": "samples", "held-out": "held-out"}


class RowsShown:
    """Mixed into the versions' admin, which is a ModelAdmin besides."""

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.rows_as_csv)  # type: ignore[attr-defined]
        others: list[URLPattern] = super().get_urls()  # type: ignore[misc]
        return [path("<int:object_id>/rows/<slug:which>.csv", view, name=CSV), *others]

    def rows_as_csv(
        self: Any, request: HttpRequest, object_id: int, which: str
    ) -> HttpResponseBase:
        """All rows, for a spreadsheet."""
        version: ModelVersion = found(self, request, str(object_id))
        if not self.has_view_permission(request, version):
            raise PermissionDenied
        try:
            rows = services.unread_rows(version, WHICH[which]) if which in WHICH else None
        except (DamagedArtifact, StoreUnavailable) as error:
            return HttpResponse(str(error), status=503, content_type="text/plain")
        if rows is None:
            raise Http404
        name = f"{version.model.name}-{version.number}-{which}.csv"
        return PieceByPiece(
            CsvOfRows(rows, target=_target(version)),
            content_type="text/csv; charset=utf-8",
            headers={"Content-Disposition": f'attachment; filename="{name}"'},
        )

    @admin.display(description="Sample rows")
    def samples_shown(self, version: ModelVersion) -> SafeString | str:
        return _table(version, "samples") or _without_samples(version)

    @admin.display(description="Held-out rows")
    def heldout_shown(self, version: ModelVersion) -> SafeString | str:
        return _table(version, "held-out") or "none: its metrics were not measured"


def _table(version: ModelVersion, which: RowSet) -> SafeString | str:
    """The first rows, or why they cannot be read; empty where there are none."""
    try:
        kept = services.unread_rows(version, which)
        if kept is None:
            return ""
        with kept:
            count, shown = len(kept), kept.first(FIRST)
    except (DamagedArtifact, StoreUnavailable, FormatError) as error:
        return str(error)
    targets = shown.targets or (None,) * len(shown)
    facts = {
        "count": count,
        "purpose": _purpose(which, kept),
        "columns": shown.columns[:MOST_COLUMNS],
        "columns_left_out": max(0, len(shown.columns) - MOST_COLUMNS),
        "rows": [
            (row[:MOST_COLUMNS], target) for row, target in zip(shown.values, targets, strict=True)
        ],
        "target": _target(version) if kept.has_targets else "",
        "which": which,
        "csv": reverse(f"admin:{CSV}", args=(version.pk, which)),
    }
    return render_to_string("admin/modelregistry/rows.html", facts)


def _purpose(which: RowSet, kept: KeptRows) -> str:
    if which == "held-out":
        return "not learned from: its metrics were measured on them"
    if not kept.has_targets:
        return "handed in without targets: there is nothing to retrain on"
    return "handed in with their targets: a retraining learns from them"


def _without_samples(version: ModelVersion) -> str:
    if version.handed_in.get("samples"):
        return "not read yet"
    return "none were handed in: there is nothing to retrain on"


def _target(version: ModelVersion) -> str:
    """What the column with the expected answers was called, where that is known."""
    return str(version.handed_in.get("target") or "target")
