"""What the registry's pages share: rows that nobody adds, edits or deletes by hand; badges, and how
figures are written.
"""

from collections.abc import Mapping
from typing import Any

from django.contrib.auth.models import User
from django.db.models import Model
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.utils.html import format_html
from django.utils.safestring import SafeString

from modelregistry.models import ModelVersion

STATES = {
    "ready": "success",
    "pending": "info",
    "validating": "info",
    "converting": "info",
    "rejected": "danger",
    "broken": "danger",
}
NOTHING = "–"  # noqa: RUF001 - a dash, as people write where there is nothing
PARITIES = {"match": "success", "mismatch": "danger", "none": "default"}


class ReadOnly:
    """Mixed into an admin or an inline: looking is all there is."""

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


class Unedited(ReadOnly):
    """The same for an admin alone: its page has no button to edits, of which there are none."""

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        context = {"show_history": False, **(extra_context or {})}
        return super().change_view(request, object_id, form_url, context)  # type: ignore[misc,no-any-return]


def acting(request: HttpRequest) -> User | None:
    """Who clicked; the admin lets nobody in who is not signed in."""
    return request.user if isinstance(request.user, User) else None


def named(user: User | None) -> str:
    """Who did it: without a user it was done by command, on the machine itself."""
    return user.get_username() if user else "the operator"


def badge(text: str, colour: str) -> SafeString:
    """A word on a coloured ground, readable in light and dark."""
    return render_to_string("unfold/helpers/label.html", {"text": text, "type": colour})


def state_badge(version: ModelVersion) -> SafeString:
    return badge(version.state, STATES[version.state])


def parity_badge(version: ModelVersion) -> SafeString:
    """Red is what serves though it answers otherwise, not what is left out for that; grey what was
    proven of a file that is damaged now.
    """
    if not version.parity:
        return badge("not known", "default")
    status = str(version.parity.get("status", "none"))
    words = "not compared" if status == "none" else status
    if version.damage:
        return format_html("{} while its file was whole", badge(words, "default"))
    beside = version.parity.get("on_threshold", 0)
    if status == "match" and beside:
        rows = "1 row" if beside == 1 else f"{beside} rows"
        return badge(f"match but for {rows} on thresholds", "warning")
    if status == "mismatch" and version.runtime == ModelVersion.Runtime.SKLEARN:
        return format_html("{} serves its source", badge(status, "default"))
    return badge(words, PARITIES[status])


def figure(metrics: Mapping[str, float], name: str) -> str:
    return f"{metrics[name]:.4g}" if name in metrics else NOTHING


def spoken(name: str) -> str:
    """r2 -> R2, mean_absolute_error -> Mean absolute error."""
    words = name.replace("_", " ")
    return words[:1].upper() + words[1:]
