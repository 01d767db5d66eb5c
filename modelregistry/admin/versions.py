"""Versions: what each takes and gives, the proof of its parity, and the two things one can do."""

import json
from typing import Any

from django.contrib import admin, messages
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from unfold.dataclasses import UnfoldAction

from jobs.models import Job
from modelregistry import permissions, services
from modelregistry.admin.asking import ConversionForm
from modelregistry.admin.breakage import champion_badges
from modelregistry.admin.dialogs import dialog, tell
from modelregistry.admin.files import FilesShown
from modelregistry.admin.libraries import LibrariesShown, libraries_badge
from modelregistry.admin.moving import Points, ReasonForm, moved, senseless
from modelregistry.admin.reading import (
    Unedited,
    acting,
    badge,
    named,
    parity_badge,
    state_badge,
)
from modelregistry.admin.registered import REGISTER
from modelregistry.admin.report import ReportPage
from modelregistry.admin.samples import RowsShown
from modelregistry.admin.starting import back_to, found, job_link, start
from modelregistry.admin.waiting import UNCHECKED, Waiting, is_unchecked
from modelregistry.conversion.options import Options
from modelregistry.formats.signature import Signature
from modelregistry.models import CHAMPION, ModelVersion, RegisteredModel
from modelregistry.tasks import CONVERT, conversion_of

PAGE = "admin:modelregistry_modelversion_change"


FIRST = (
    "model", "number", "state_shown", "serves", "aliases_shown", "runtime", "why_not_onnx",
)  # fmt: skip


@admin.register(ModelVersion)
class ModelVersionAdmin(
    FilesShown, LibrariesShown, RowsShown, ReportPage, Points, Unedited, Waiting
):
    list_display = (
        "__str__", "state_shown", "served_as", "runtime", "parity_shown", "created_at", "creator",
    )  # fmt: skip
    list_filter = ("state", "runtime", ("model", admin.RelatedOnlyFieldListFilter))
    list_select_related = ("model", "created_by")
    search_fields = ("model__name", "source_sha256", "onnx_sha256")
    search_help_text = "Search by model or by the sha256 of an artifact"
    actions = ("convert_selected", "promote_selected")
    actions_detail = ("convert_version", "promote_version", "point_alias", "take_alias")
    empty_hint = f"Hand in the first version on the page of models, or use {REGISTER}"
    fieldsets = (
        (None, {"fields": FIRST}),
        ("Signature", {"fields": ("signature_shown", "classes_shown", "example")}),
        ("Parity", {"fields": ("parity_summary",)}),
        ("Metrics", {"fields": ("metrics_shown",)}),
        ("Artifacts", {"fields": ("format", "source", "onnx", "libraries")}),
        ("Rows", {"fields": ("samples_shown", "heldout_shown")}),
        ("Origin", {"fields": ("created_at", "creator", "job", "metadata_shown")}),
    )

    def get_fieldsets(self, request: HttpRequest, obj: Model | None = None) -> Any:
        """Why there is no ONNX form is said where there is none; what nobody knows, nowhere."""
        if is_unchecked(obj):
            return UNCHECKED
        if isinstance(obj, ModelVersion) and obj.reason:
            return self.fieldsets
        (title, options), *others = self.fieldsets
        fields = tuple(name for name in options["fields"] if name != "why_not_onnx")
        return ((title, {"fields": fields}), *others)

    def get_queryset(self, request: HttpRequest) -> QuerySet[ModelVersion]:
        seen = RegisteredModel.objects.visible_to(request.user)
        rows = ModelVersion.objects.filter(model__in=seen).select_related("model", "created_by")
        return rows.prefetch_related("aliases").with_serving()

    def has_convert_permission(self, request: HttpRequest, object_id: object = None) -> bool:
        return request.user.has_perm(permissions.CONVERT)

    def get_actions_detail(self, request: HttpRequest, object_id: str) -> list[UnfoldAction]:
        """The buttons that make sense: no conversion of ONNX, no promotion of the champion, and
        neither of what is not ready or whose file is damaged."""
        version = self.get_object(request, object_id)
        if version is None:
            return []
        without = {
            **senseless(version),
            "convert": _has_nothing_to_convert(version),
            "promote": version.serves or version.state != ModelVersion.State.READY,
        }
        buttons: list[UnfoldAction] = super().get_actions_detail(request, object_id)
        return [button for button in buttons if not without[button.path]]

    @admin.action(description="Convert to ONNX and prove parity", permissions=["convert"])
    def convert_selected(self, request: HttpRequest, queryset: QuerySet[ModelVersion]) -> None:
        for version in queryset:
            self._convert(request, version)

    @admin.action(description="Promote: let the selected versions serve", permissions=["promote"])
    def promote_selected(self, request: HttpRequest, queryset: QuerySet[ModelVersion]) -> None:
        versions = list(queryset)
        if len({version.model_id for version in versions}) < len(versions):
            self.message_user(
                request, "Select one version of a model: only one can serve.", messages.ERROR
            )
            return
        for version in versions:
            self._promote(request, version, "")

    @dialog(
        label="Convert",
        path="convert",
        permission="convert",
        icon="sync_alt",
        title="Convert to ONNX",
        question=(
            "A worker converts the source and proves that both answer alike. A version that "
            "has an ONNX form keeps it: leave the choice as it is to prove that form again."
        ),
        form=ConversionForm,
    )
    def convert_version(
        self, request: HttpRequest, form: ConversionForm, object_id: str
    ) -> HttpResponse:
        self._convert(request, found(self, request, object_id), form.options())
        return back_to(request, PAGE, object_id)

    @dialog(
        label="Promote",
        path="promote",
        permission="promote",
        icon="rocket_launch",
        title="Let this version serve",
        question="Every process answers from it within a second.",
        form=ReasonForm,
    )
    def promote_version(
        self, request: HttpRequest, form: ReasonForm, object_id: str
    ) -> HttpResponse:
        version: ModelVersion = found(self, request, object_id)
        self._promote(request, version, form.cleaned_data["reason"])
        return back_to(request, PAGE, object_id)

    def _convert(
        self, request: HttpRequest, version: ModelVersion, options: Options | None = None
    ) -> None:
        start(self, request, CONVERT, lambda: conversion_of(version, options))

    def _promote(self, request: HttpRequest, version: ModelVersion, reason: str) -> None:
        def deed() -> str:
            services.promote(version=version, actor=acting(request), reason=reason)
            return moved(version, CHAMPION)

        tell(self, request, deed)

    @admin.display(description="State", ordering="state")
    def state_shown(self, version: ModelVersion) -> SafeString:
        damaged = badge("file damaged", "danger") if version.damage else ""
        badges = state_badge(version), damaged, libraries_badge(version)
        return format_html('<span class="version-state">{} {} {}</span>', *badges)

    @admin.display(description="Serves")
    def serves(self, version: ModelVersion) -> str:
        return champion_badges(version) if version.serves else "no"  # type: ignore[attr-defined]

    @admin.display(description="Serves")
    def served_as(self, version: ModelVersion) -> SafeString | str:
        """Champion, and every other name that points to it."""
        names = sorted(alias.name for alias in version.aliases.all() if alias.name != CHAMPION)
        if version.serves:  # type: ignore[attr-defined]  # annotated
            return champion_badges(version, *names)
        badges = ((badge(name, "default"),) for name in names)
        return format_html_join(" ", "{}", badges) or "no"

    @admin.display(description="Parity")
    def parity_shown(self, version: ModelVersion) -> SafeString:
        return parity_badge(version)

    @admin.display(description="Why not ONNX")
    def why_not_onnx(self, version: ModelVersion) -> SafeString:
        return format_html(
            "<p>No ONNX form of this version answers as its source does, so none is kept. "
            "It serves in scikit-learn: the same answers, more slowly.</p>"
            '<p class="mt-2">{}</p>'
            '<details class="mt-2"><summary class="cursor-pointer">What was tried</summary>'
            "{}</details>",
            _advice(version),
            version.reason,
        )

    @admin.display(description="Inputs and outputs")
    def signature_shown(self, version: ModelVersion) -> SafeString:
        signature = Signature.from_json(version.signature)
        return render_to_string("admin/modelregistry/signature.html", {"signature": signature})

    @admin.display(description="Classes")
    def classes_shown(self, version: ModelVersion) -> str:
        return "none" if version.classes is None else ", ".join(map(str, version.classes))

    @admin.display(description="Input example")
    def example(self, version: ModelVersion) -> SafeString:
        body = json.dumps({"rows": [version.input_example]})
        return format_html('<code class="break-all">{}</code>', body)

    @admin.display(description="On held-out rows")
    def metrics_shown(self, version: ModelVersion) -> str:
        found = _listed({name: f"{value:.4g}" for name, value in version.metrics.items()})
        return found or "not measured: no rows were held out"

    @admin.display(description="Made by")
    def job(self, version: ModelVersion) -> str:
        job = Job.objects.filter(pk=version.job_id).first() if version.job_id else None
        words = "a file that was handed in"
        if job is None:
            return words
        return job_link(job, words if job.kind == services.INGEST else job.kind)

    @admin.display(description="Metadata")
    def metadata_shown(self, version: ModelVersion) -> SafeString | str:
        if not version.metadata:
            return "none was handed in"
        facts = [(name, _in_words(value)) for name, value in version.metadata.items()]
        return render_to_string("admin/modelregistry/metadata.html", {"facts": facts})

    @admin.display(description="Created by", ordering="created_by__username")
    def creator(self, version: ModelVersion) -> str:
        return named(version.created_by)


def _has_nothing_to_convert(version: ModelVersion) -> bool:
    damaged = bool(version.damage)
    return version.format == ModelVersion.Format.ONNX or not version.is_known or damaged


def _advice(version: ModelVersion) -> str:
    """What staff can do about it: little where no form could be made at all."""
    calm = "Where that is fast enough, leave it so; otherwise"
    if version.parity.get("status", "none") == "none":
        return f"{calm} train it without the step that has no counterpart in ONNX."
    samples = "" if version.samples_sha256 else "hand it in again with sample rows, "
    return (
        f"{calm} press Convert and choose another precision, {samples}"
        "or allow a larger tolerance on its model's page."
    )


def _listed(facts: dict[str, str]) -> str:
    return ", ".join(f"{name} {value}" for name, value in facts.items())


def _in_words(value: object) -> str:
    """Text as it is, everything else as JSON has it."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
