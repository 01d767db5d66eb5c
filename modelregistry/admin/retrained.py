"""What a retraining came to, as a table for its job's page."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django.urls import reverse

from jobs.panels import show_result
from modelregistry.admin.compared import pair_page
from modelregistry.admin.reading import NOTHING, badge, figure, spoken
from modelregistry.models import RETRAIN, ModelVersion

PROMOTED, NOT_PROMOTED = ("promoted", "success"), ("not promoted", "default")


@dataclass(frozen=True, slots=True)
class Line:
    """One figure of both versions, and by how much it is another one."""

    name: str
    new: str
    before: str
    difference: str


def retrained_context(result: Mapping[str, Any]) -> dict[str, Any]:
    """What templates/admin/jobs/retrain_model.html shows of what run_retrain answers."""
    before = result["champion"]
    return {
        "new": f"Version {result['version']}",
        "before": f"Version {before['version']}",
        "verdict": badge(*(PROMOTED if result["promoted"] else NOT_PROMOTED)),
        "why": _why(result["promotion"]),
        "lines": list(_lines(result["metrics"], before["metrics"])),
        "trained_rows": result["trained_rows"],
        "heldout_rows": result["heldout_rows"],
        "note": before["note"],
        "no_form": result["reason"] if result["runtime"] == "sklearn" else "",
        **_pages(result),
    }


def _why(promotion: str) -> str:
    """Without the words that stand on the badge."""
    why = re.sub("^(Not promoted|Promoted)[.:] ?", "", promotion)
    return why[:1].upper() + why[1:]


def _lines(new: Mapping[str, float], before: Mapping[str, float]) -> Iterator[Line]:
    for name in dict.fromkeys((*new, *before)):
        yield Line(
            spoken(name), figure(new, name), figure(before, name), _difference(new, before, name)
        )


def _difference(new: Mapping[str, float], before: Mapping[str, float], name: str) -> str:
    if name not in new or name not in before:
        return NOTHING
    return f"{new[name] - before[name]:+.4g}" if new[name] != before[name] else "0"


def _pages(result: Mapping[str, Any]) -> dict[str, str]:
    """Of the new version, and of both side by side; none where it is gone."""
    made = ModelVersion.objects.filter(model__name=result["model"], number=result["version"])
    version = made.select_related("model").first()
    if version is None:
        return {}
    page = reverse("admin:modelregistry_modelversion_change", args=(version.pk,))
    pair = pair_page(version.model, result["champion"]["version"], version.number)
    return {"page": page, "pair": pair}


show_result(kind=RETRAIN, template="admin/jobs/retrain_model.html", context=retrained_context)
