"""Versions: what each takes and gives, the proof of its parity, and the two things one can do."""

import json
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.defaultfilters import filesizeformat
from django.template.loader import render_to_string
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.admin import ModelAdmin
from unfold.dataclasses import UnfoldAction
from unfold.decorators import action
from unfold.forms import BaseDialogForm
from unfold.widgets import UnfoldAdminTextInputWidget

from jobs.models import Job
from modelregistry import services
from modelregistry.admin.reading import (
    ReadOnly,
    acting,
    badge,
    named,
    parity_badge,
    state_badge,
)
from modelregistry.admin.registered import REGISTER
from modelregistry.admin.starting import back_to, found, job_link, start
from modelregistry.conversion.parity import TOLERANCE, in_words
from modelregistry.errors import RegistryError
from modelregistry.formats.signature import Signature
from modelregistry.models import ModelVersion
from modelregistry.tasks import CONVERT, conversion_of

PAGE = "admin:modelregistry_modelversion_change"


class PromotionForm(BaseDialogForm):  # type: ignore[misc]  # unfold has no types
    reason = forms.CharField(
        required=False, widget=UnfoldAdminTextInputWidget, help_text="Kept in the history."
    )


@admin.register(ModelVersion)
class ModelVersionAdmin(ReadOnly, ModelAdmin):  # type: ignore[misc]
    list_display = (
        "__str__", "state_shown", "serves", "runtime", "parity_shown", "size", "created_at",
        "creator",
    )  # fmt: skip
    list_filter = ("state", "runtime", ("model", admin.RelatedOnlyFieldListFilter))
    list_select_related = ("model", "created_by")
    search_fields = ("model__name", "source_sha256", "onnx_sha256")
    search_help_text = "Search by model or by the sha256 of an artifact"
    actions = ("convert_selected", "promote_selected")
    actions_detail = ("convert_version", "promote_version")
    empty_hint = f"Register the first version with: {REGISTER}"
    fieldsets = (
        (None, {"fields": ("model", "number", "state_shown", "serves", "runtime", "why_not_onnx")}),
        ("Signature", {"fields": ("signature_shown", "classes_shown", "example")}),
        ("Parity", {"fields": ("parity_summary",)}),
        ("Metrics", {"fields": ("metrics_shown",)}),
        ("Artifacts", {"fields": ("format", "source", "onnx", "libraries")}),
        ("Origin", {"fields": ("created_at", "creator", "job", "rows_kept")}),
    )

    def get_fieldsets(self, request: HttpRequest, obj: Model | None = None) -> Any:
        """Why there is no ONNX form is said where there is none."""
        if isinstance(obj, ModelVersion) and obj.reason:
            return self.fieldsets
        (title, options), *others = self.fieldsets
        fields = tuple(name for name in options["fields"] if name != "why_not_onnx")
        return ((title, {"fields": fields}), *others)

    def get_queryset(self, request: HttpRequest) -> QuerySet[ModelVersion]:
        return ModelVersion.objects.select_related("model", "created_by").with_serving()

    def has_convert_permission(self, request: HttpRequest, object_id: object = None) -> bool:
        return request.user.has_perm("modelregistry.convert_modelversion")

    def has_promote_permission(self, request: HttpRequest, object_id: object = None) -> bool:
        return request.user.has_perm("modelregistry.promote_modelversion")

    def get_actions_detail(self, request: HttpRequest, object_id: str) -> list[UnfoldAction]:
        """The buttons that make sense: no conversion of ONNX, no promotion of the champion."""
        version = self.get_object(request, object_id)
        if version is None:
            return []
        senseless = {
            "convert": version.format == ModelVersion.Format.ONNX,
            "promote": version.serves,
        }
        buttons: list[UnfoldAction] = super().get_actions_detail(request, object_id)
        return [button for button in buttons if not senseless[button.path]]

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

    @action(  # type: ignore[untyped-decorator]
        description="Convert",
        url_path="convert",
        permissions=["convert"],
        icon="sync_alt",
        dialog={
            "title": "Convert to ONNX",
            "description": "A worker converts the source and proves that both answer alike.",
            "form_class": BaseDialogForm,
            "form_submit_text": "Convert",
        },
    )
    def convert_version(
        self, request: HttpRequest, form: BaseDialogForm, object_id: str
    ) -> HttpResponse:
        self._convert(request, found(self, request, object_id))
        return back_to(request, PAGE, object_id)

    @action(  # type: ignore[untyped-decorator]
        description="Promote",
        url_path="promote",
        permissions=["promote"],
        icon="rocket_launch",
        dialog={
            "title": "Let this version serve",
            "description": "Every process answers from it within a second.",
            "form_class": PromotionForm,
            "form_submit_text": "Promote",
        },
    )
    def promote_version(
        self, request: HttpRequest, form: PromotionForm, object_id: str
    ) -> HttpResponse:
        version: ModelVersion = found(self, request, object_id)
        self._promote(request, version, form.cleaned_data["reason"])
        return back_to(request, PAGE, object_id)

    def _convert(self, request: HttpRequest, version: ModelVersion) -> None:
        start(self, request, CONVERT, lambda: conversion_of(version))

    def _promote(self, request: HttpRequest, version: ModelVersion, reason: str) -> None:
        try:
            services.promote(version=version, actor=acting(request), reason=reason)
        except RegistryError as error:
            self.message_user(request, str(error), messages.ERROR)
        else:
            self.message_user(request, f"{version} serves now.", messages.SUCCESS)

    @admin.display(description="State", ordering="state")
    def state_shown(self, version: ModelVersion) -> SafeString:
        return state_badge(version)

    @admin.display(description="Serves")
    def serves(self, version: ModelVersion) -> str:
        return badge("champion", "info") if version.serves else "no"  # type: ignore[attr-defined]

    @admin.display(description="Parity")
    def parity_shown(self, version: ModelVersion) -> SafeString:
        return parity_badge(version)

    @admin.display(description="Why not ONNX")
    def why_not_onnx(self, version: ModelVersion) -> SafeString:
        return format_html(
            "<p>No ONNX form of this version answers as its source does, so none is kept. "
            "It serves in scikit-learn: the same answers, more slowly.</p>"
            '<details class="mt-2"><summary class="cursor-pointer">What was tried</summary>'
            "{}</details>",
            version.reason,
        )

    @admin.display(description="Size")
    def size(self, version: ModelVersion) -> str:
        return filesizeformat(version.size_bytes)

    @admin.display(description="Inputs and outputs")
    def signature_shown(self, version: ModelVersion) -> SafeString:
        signature = Signature.from_json(version.signature)
        return render_to_string("admin/modelregistry/signature.html", {"signature": signature})

    @admin.display(description="Classes")
    def classes_shown(self, version: ModelVersion) -> str:
        return "none" if version.classes is None else ", ".join(map(str, version.classes))

    @admin.display(description="Comparison with the source")
    def parity_summary(self, version: ModelVersion) -> SafeString:
        parity, words = version.parity, {"badge": parity_badge(version), "tolerance": TOLERANCE}
        sets = [{**part, "largest": in_words(part["max_abs_diff"])} for part in parity["sets"]]
        facts = {"parity": {**parity, "sets": sets}, **words}
        return render_to_string("admin/modelregistry/parity.html", facts)

    @admin.display(description="Input example")
    def example(self, version: ModelVersion) -> SafeString:
        body = json.dumps({"rows": [version.input_example]})
        return format_html('<code class="break-all">{}</code>', body)

    @admin.display(description="On held-out rows")
    def metrics_shown(self, version: ModelVersion) -> str:
        found = _listed({name: f"{value:.4g}" for name, value in version.metrics.items()})
        return found or "not measured: no rows were held out"

    @admin.display(description="Source")
    def source(self, version: ModelVersion) -> SafeString:
        return _artifact(version.source_sha256, version.source_size)

    @admin.display(description="ONNX")
    def onnx(self, version: ModelVersion) -> str:
        if version.onnx_size is None:
            return "none"
        return _artifact(version.onnx_sha256, version.onnx_size)

    @admin.display(description="Made by")
    def job(self, version: ModelVersion) -> str:
        job = Job.objects.filter(pk=version.job_id).first() if version.job_id else None
        return job_link(job, job.kind) if job else "a file that was handed in"

    @admin.display(description="Rows to retrain on")
    def rows_kept(self, version: ModelVersion) -> str:
        try:
            rows = services.sample_rows(version)
        except RegistryError as error:
            return str(error)
        if rows is None:
            return "none were handed in"
        if rows.targets is None:
            return f"none: {len(rows)} were handed in without targets"
        return f"{len(rows)}, handed in with the version"

    @admin.display(description="Created by", ordering="created_by__username")
    def creator(self, version: ModelVersion) -> str:
        return named(version.created_by)

    @admin.display(description="Libraries")
    def libraries(self, version: ModelVersion) -> str:
        return _listed(version.library_versions)


def _artifact(sha256: str, size: int) -> SafeString:
    return format_html('{}, sha256 <code class="break-all">{}</code>', filesizeformat(size), sha256)


def _listed(facts: dict[str, str]) -> str:
    return ", ".join(f"{name} {value}" for name, value in facts.items())
