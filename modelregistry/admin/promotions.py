"""The history of promotions."""

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.admin import ModelAdmin

from modelregistry.admin.reading import Unedited, named
from modelregistry.models import AliasChange, RegisteredModel


@admin.register(AliasChange)
class PromotionAdmin(Unedited, ModelAdmin):  # type: ignore[misc]  # unfold has no types
    list_display = ("at", "model", "alias", "version", "previous", "who", "reason")
    list_select_related = ("model", "version__model", "previous__model", "actor")
    list_filter = ("alias", ("model", admin.RelatedOnlyFieldListFilter))
    search_fields = ("model__name", "reason", "actor__username")
    search_help_text = "Search by model, reason or who did it"
    empty_hint = "Every promotion is listed here: who let which version serve, when and why."

    def get_queryset(self, request: HttpRequest) -> QuerySet[AliasChange]:
        rows: QuerySet[AliasChange] = super().get_queryset(request)
        return rows.filter(model__in=RegisteredModel.objects.visible_to(request.user))

    @admin.display(description="Actor", ordering="actor__username")
    def who(self, change: AliasChange) -> str:
        return named(change.actor)
