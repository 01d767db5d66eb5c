"""Models: what they are for, who may ask them, their versions and promotions; jobs on them."""

from functools import partial
from types import MethodType
from typing import Any

from django.contrib import admin
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.admin import ModelAdmin, TabularInline
from unfold.forms import BaseDialogForm

from modelregistry.admin.reading import ReadOnly, badge, named, parity_badge, state_badge
from modelregistry.admin.starting import button, may_start
from modelregistry.models import CHAMPION, AliasChange, ModelVersion, RegisteredModel
from modelregistry.panels import ModelAction, model_actions, register_action
from modelregistry.tasks import CONVERT, RETRAIN, conversion_of

REGISTER = "manage.py register_model FILE --model NAME --promote"


def version_link(version: ModelVersion) -> SafeString:
    address = reverse("admin:modelregistry_modelversion_change", args=(version.pk,))
    return format_html(
        '<a class="font-semibold underline" href="{}">version {}</a>', address, version.number
    )


class VersionInline(ReadOnly, TabularInline):  # type: ignore[misc]  # unfold has no types
    model = ModelVersion
    fields = ("version", "state_shown", "runtime", "parity_shown", "created_at", "creator")
    readonly_fields = fields
    ordering = ("-number",)
    per_page = 20
    hide_title = True
    tab = True

    def get_queryset(self, request: HttpRequest) -> QuerySet[ModelVersion]:
        rows = ModelVersion.objects.select_related("created_by", "model")
        return rows.with_serving().order_by(*self.ordering)

    @admin.display(description="Version")
    def version(self, version: ModelVersion) -> SafeString:
        link = version_link(version)
        serves: bool = version.serves  # type: ignore[attr-defined]  # annotated
        return format_html("{} {}", link, badge("champion", "info")) if serves else link

    @admin.display(description="State")
    def state_shown(self, version: ModelVersion) -> SafeString:
        return state_badge(version)

    @admin.display(description="Parity")
    def parity_shown(self, version: ModelVersion) -> SafeString:
        return parity_badge(version)

    @admin.display(description="Created by")
    def creator(self, version: ModelVersion) -> str:
        return named(version.created_by)


class PromotionInline(ReadOnly, TabularInline):  # type: ignore[misc]
    model = AliasChange
    verbose_name_plural = "promotions"
    fields = ("at", "alias", "version", "previous", "who", "reason")
    readonly_fields = fields
    per_page = 20
    hide_title = True
    tab = True

    def get_queryset(self, request: HttpRequest) -> QuerySet[AliasChange]:
        rows: QuerySet[AliasChange] = super().get_queryset(request)
        return rows.select_related("model", "version__model", "previous__model", "actor")

    @admin.display(description="Actor")
    def who(self, change: AliasChange) -> str:
        return named(change.actor)


@admin.register(RegisteredModel)
class RegisteredModelAdmin(ModelAdmin):  # type: ignore[misc]
    list_display = ("name", "task", "champion", "visibility", "version_count", "updated")
    list_filter = ("task", "visibility")
    search_fields = ("name", "description")
    search_help_text = "Search by name or description"
    fields = ("name", "task", "description", "visibility", "champion_page", "created_at")
    readonly_fields = ("name", "task", "champion_page", "created_at")
    inlines = (VersionInline, PromotionInline)
    empty_hint = f"A model begins with its first version. Register one with: {REGISTER}"

    def __getattr__(self, name: str) -> Any:
        """Each registered button as unfold looks for it: a method, and one that says who may."""
        for action in model_actions():
            if name == action.kind:
                return MethodType(button(action), self)
            if name == f"has_{action.kind}_permission":
                return partial(may_start, action.kind)
        raise AttributeError(f"{type(self).__name__} has no {name}.")

    @property
    def actions_detail(self) -> list[str]:
        return [action.kind for action in model_actions()]

    def get_queryset(self, request: HttpRequest) -> QuerySet[RegisteredModel]:
        return RegisteredModel.objects.with_champion().with_activity()

    def has_add_permission(self, request: HttpRequest) -> bool:
        """A model begins with a version, and versions come by command."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    @admin.display(description="Champion", ordering="champion")
    def champion(self, model: RegisteredModel) -> str:
        return str(model.champion or "none")  # type: ignore[attr-defined]  # annotated

    @admin.display(description="Champion")
    def champion_page(self, model: RegisteredModel) -> str:
        version = ModelVersion.objects.filter(model=model, aliases__name=CHAMPION).first()
        return version_link(version) if version else "none"

    @admin.display(description="Versions", ordering="version_count")
    def version_count(self, model: RegisteredModel) -> int:
        return model.version_count  # type: ignore[attr-defined,no-any-return]

    @admin.display(description="Updated", ordering="updated_at")
    def updated(self, model: RegisteredModel) -> object:
        return model.updated_at  # type: ignore[attr-defined]


register_action(
    ModelAction(
        kind=CONVERT,
        label="Convert",
        question=(
            "A worker converts the source of the version that serves, or of the newest where none "
            "does, and proves that both answer alike."
        ),
        icon="sync_alt",
        form=BaseDialogForm,
        params=lambda model, _: conversion_of(ModelVersion.objects.find(model.name)),
    )
)
register_action(
    ModelAction(
        kind=RETRAIN,
        label="Retrain",
        question=(
            "A worker fits the model anew on the rows that were handed in with the version that "
            "serves, or with the newest where none does (its page says how many), measures both, "
            "and registers a new version. You decide whether that one serves."
        ),
        icon="model_training",
        form=BaseDialogForm,
        params=lambda model, _: {"model": model.name},
    )
)
