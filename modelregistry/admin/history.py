"""A model's history: where its aliases pointed, beside what was edited on its page."""

from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from unfold.admin import ModelAdmin

from modelregistry.models import AliasChange, RegisteredModel
from modelregistry.permissions import VIEW_HISTORY

NEWEST = 100


class HistoryShown(ModelAdmin):  # type: ignore[misc]  # unfold has no types
    """A base of the models' admin."""

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        model = self.get_object(request, object_id)
        shown = model is not None and request.user.has_perm(VIEW_HISTORY)
        context = {"moves": _moves(model) if shown else None, **(extra_context or {})}
        return super().history_view(request, object_id, context)  # type: ignore[no-any-return]


def _moves(model: RegisteredModel) -> QuerySet[AliasChange]:
    return model.changes.select_related("version", "previous", "actor")[:NEWEST]
