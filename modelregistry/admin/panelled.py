"""What apps above show on a model's page, below all else."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from unfold.admin import ModelAdmin

from modelregistry.panels import model_panels


class PanelsShown(ModelAdmin):  # type: ignore[misc]  # unfold has no types
    """A base of the models' admin."""

    change_form_outer_after_template = "admin/modelregistry/panels.html"

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        model = self.get_object(request, object_id)
        shown = [
            {
                "title": panel.title,
                "template": panel.template,
                "shown": panel.context(request, model),
            }
            for panel in (model_panels() if model else ())
        ]
        context = {"panels": shown, **(extra_context or {})}
        return super().change_view(request, object_id, form_url, context)  # type: ignore[no-any-return]
