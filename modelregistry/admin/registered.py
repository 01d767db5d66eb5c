"""Models: what they are for, who may ask them, their versions and promotions; jobs on them."""

from functools import partial
from types import MethodType
from typing import Any

from django.contrib import admin
from django.db.models import Field, Model, QuerySet
from django.http import HttpRequest
from django.template.defaultfilters import slugify
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.admin import TabularInline
from unfold.dataclasses import UnfoldAction
from unfold.forms import BaseDialogForm

from modelregistry.admin.breakage import broken_mark, champion_badges
from modelregistry.admin.comparing import Comparing
from modelregistry.admin.for_groups import ForGroups
from modelregistry.admin.handing_in import HandsIn
from modelregistry.admin.history import HistoryShown
from modelregistry.admin.moving import RollsBack
from modelregistry.admin.panelled import PanelsShown
from modelregistry.admin.reading import ReadOnly, named, parity_badge, state_badge
from modelregistry.admin.starting import button, may_start
from modelregistry.admin.timeline import ChampionShown
from modelregistry.models import CHAMPION, AliasChange, ModelVersion, RegisteredModel
from modelregistry.panels import ModelAction, model_actions, register_action
from modelregistry.tasks import CONVERT, conversion_of

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
        return format_html("{} {}", link, champion_badges(version)) if serves else link

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


IDENTITY = (
    "name", "task", "description", "visibility", "groups", "champion_page", "other_aliases",
    "created_at",
)  # fmt: skip
SERVING = ("max_batch_rows", "max_wait_ms", "max_queue_rows", "deadline_ms", "cache_ttl_s")
PROOF = ("tolerance", "allowed_mismatches")
FOLLOWED = (
    "Right for most models as it is. Web processes follow a change within a second, without "
    "loading the model again."
)


@admin.register(RegisteredModel)
class RegisteredModelAdmin(
    ForGroups, HandsIn, Comparing, RollsBack, HistoryShown, ChampionShown, PanelsShown
):
    list_display = ("name", "task", "champion", "open_to", "version_count", "updated")
    list_filter = ("task", "visibility", ("groups", admin.RelatedOnlyFieldListFilter))
    search_fields = ("name", "description")
    search_help_text = "Search by name or description"
    fieldsets = (
        (None, {"fields": IDENTITY}),
        ("How its callers are served", {"fields": SERVING, "description": FOLLOWED}),
        ("Proof of its conversions", {"fields": PROOF}),
    )
    readonly_fields = (
        "name", "task", "archived", "champion_page", "other_aliases", "created_at",
    )  # fmt: skip
    inlines = (VersionInline, PromotionInline)
    actions_list = ("hand_in_model",)
    empty_hint = f"A model begins with its first version: press Hand in a model, or use {REGISTER}"

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
        own = ["hand_in_version", "rollback_model", "compare_versions"]
        return [*own, *(action.kind for action in model_actions())]

    def formfield_for_dbfield(self, field: "Field[Any, Any]", *facts: Any, **more: Any) -> Any:
        found = super().formfield_for_dbfield(field, *facts, **more)
        if field.name == "description":
            found.widget.attrs["rows"] = 3
        return found

    def get_queryset(self, request: HttpRequest) -> QuerySet[RegisteredModel]:
        rows = RegisteredModel.objects.visible_to(request.user).prefetch_related("groups")
        return rows.with_champion().with_activity()

    def get_fieldsets(self, request: HttpRequest, obj: RegisteredModel | None = None) -> Any:
        if obj is None or obj.archived_at is None:
            return self.fieldsets
        return ((None, {"fields": (*IDENTITY[:2], "archived", *IDENTITY[2:])}), *self.fieldsets[1:])

    def get_actions_detail(self, request: HttpRequest, object_id: str) -> list[UnfoldAction]:
        """Without those that make a version where the model takes none; its page says why."""
        buttons: list[UnfoldAction] = super().get_actions_detail(request, object_id)
        model = self.get_object(request, object_id)
        if model is None or model.archived_at is None:
            return buttons
        making = [slugify(action.label) for action in model_actions() if action.makes_version]
        return [button for button in buttons if button.path not in ("hand-in", *making)]

    def has_add_permission(self, request: HttpRequest) -> bool:
        """A model begins with a version, which is handed in."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    @admin.display(description="Archived")
    def archived(self, model: RegisteredModel) -> str:
        assert model.archived_at is not None
        since = date_format(model.archived_at, "DATETIME_FORMAT")
        return f"{since}: it takes no versions any more, handed in or retrained."

    @admin.display(description="Champion", ordering="champion")
    def champion(self, model: RegisteredModel) -> SafeString | str:
        number: int | None = model.champion  # type: ignore[attr-defined]  # annotated
        if model.damage:  # type: ignore[attr-defined]  # annotated
            return format_html("{} {}", number, broken_mark(model))
        return str(number or "none")

    @admin.display(description="Champion")
    def champion_page(self, model: RegisteredModel) -> str:
        version = ModelVersion.objects.filter(model=model, aliases__name=CHAMPION).first()
        if version is None:
            return "none"
        mark = broken_mark(model) if version.damage else ""
        return format_html("{} {}", version_link(version), mark)

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
