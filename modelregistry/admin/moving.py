"""The buttons that move aliases: rollback on a model's page, any alias on a version's."""

from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.utils.html import format_html_join
from unfold.dataclasses import UnfoldAction
from unfold.forms import BaseDialogForm
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from modelregistry import services
from modelregistry.admin.dialogs import dialog, tell
from modelregistry.admin.reading import acting, badge
from modelregistry.admin.starting import back_to, found
from modelregistry.errors import InvalidName, RegistryError
from modelregistry.models import CHAMPION, AliasChange, ModelVersion, RegisteredModel
from modelregistry.models.names import LONGEST_TEXT
from modelregistry.permissions import PROMOTE
from modelregistry.services.aliasing import check_alias

MODEL_PAGE = "admin:modelregistry_registeredmodel_change"
VERSION_PAGE = "admin:modelregistry_modelversion_change"


class ReasonForm(BaseDialogForm):  # type: ignore[misc]  # unfold has no types
    reason = forms.CharField(
        required=False,
        max_length=LONGEST_TEXT,
        widget=UnfoldAdminTextInputWidget,
        help_text="Kept in the history.",
    )


class RollbackForm(ReasonForm):
    form_before_template = "admin/modelregistry/rollback.html"

    def get_before_template_context(
        self, request: HttpRequest, object_id: int | str | None = None
    ) -> dict[str, Any]:
        """Where it would lead, or why nowhere."""
        model = get_object_or_404(RegisteredModel, pk=object_id)
        try:
            goal = services.rollback_goal(model)
        except RegistryError as error:
            return {"refusal": str(error)}
        return {"goal": goal, "head": AliasChange.objects.head(model.pk, CHAMPION)}


class AliasForm(ReasonForm):
    alias = forms.CharField(
        max_length=64,
        widget=UnfoldAdminTextInputWidget(attrs={"autocomplete": "off", "spellcheck": "false"}),
        help_text="challenger, for example, or a name of your own; champion is what serves.",
    )
    field_order = ("alias", "reason")

    def clean_alias(self) -> str:
        alias: str = self.cleaned_data["alias"]
        try:
            check_alias(alias)
        except InvalidName as error:
            raise ValidationError(str(error)) from error
        return alias


class TakenAliasForm(ReasonForm):
    alias = forms.ChoiceField(widget=UnfoldAdminSelectWidget)
    field_order = ("alias", "reason")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        version = ModelVersion.objects.filter(pk=self.object_id).first()
        names = free_aliases(version) if version else []
        self.fields["alias"].choices = [(name, name) for name in names]


def free_aliases(version: ModelVersion) -> list[str]:
    """Those that point to the version and may be taken away."""
    return [*version.aliases.exclude(name=CHAMPION).values_list("name", flat=True)]


class Moves:
    """What both pages share."""

    def has_promote_permission(self, request: HttpRequest, object_id: object = None) -> bool:
        return request.user.has_perm(PROMOTE)


class RollsBack(Moves):
    """Mixed into the models' admin, which is unfold's ModelAdmin besides."""

    def get_actions_detail(self, request: HttpRequest, object_id: str) -> list[UnfoldAction]:
        """Without the button where nothing was champion before."""
        buttons: list[UnfoldAction] = super().get_actions_detail(request, object_id)  # type: ignore[misc]
        model = self.get_object(request, object_id)  # type: ignore[attr-defined]
        head = AliasChange.objects.head(model.pk, CHAMPION) if model else None
        if head is not None and head.back_to_id is not None:
            return buttons
        return [button for button in buttons if button.path != "rollback"]

    @admin.display(description="Other aliases")
    def other_aliases(self, model: RegisteredModel) -> str:
        others = model.aliases.exclude(name=CHAMPION).select_related("version")
        return (
            ", ".join(f"{alias.name}: version {alias.version.number}" for alias in others) or "none"
        )

    @dialog(
        label="Roll back",
        path="rollback",
        permission="promote",
        icon="undo",
        question=(
            "The version that was champion before serves again, in every process within a "
            "second. Done once more, it goes further back."
        ),
        form=RollbackForm,
    )
    def rollback_model(
        self, request: HttpRequest, form: RollbackForm, object_id: str
    ) -> HttpResponse:
        model: RegisteredModel = found(self, request, object_id)  # type: ignore[arg-type]
        reason = form.cleaned_data["reason"]

        def deed() -> str:
            change = services.rollback(model=model, actor=acting(request), reason=reason)
            return f"{change.version} serves again; before, {change.previous} did."

        tell(self, request, deed)  # type: ignore[arg-type]
        return back_to(request, MODEL_PAGE, object_id)


class Points(Moves):
    """Mixed into the versions' admin."""

    @admin.display(description="Other aliases")
    def aliases_shown(self, version: ModelVersion) -> str:
        names = free_aliases(version)
        return format_html_join(" ", "{}", ((badge(name, "info"),) for name in names)) or "none"

    @dialog(
        label="Point an alias",
        path="point-alias",
        permission="promote",
        icon="label",
        title="Point an alias to this version",
        question="A name for it that may move to another version later.",
        form=AliasForm,
        submit="Point it here",
    )
    def point_alias(self, request: HttpRequest, form: AliasForm, object_id: str) -> HttpResponse:
        version: ModelVersion = found(self, request, object_id)  # type: ignore[arg-type]
        alias, reason = form.cleaned_data["alias"], form.cleaned_data["reason"]

        def deed() -> str:
            services.move_alias(version=version, alias=alias, actor=acting(request), reason=reason)
            return moved(version, alias)

        tell(self, request, deed)  # type: ignore[arg-type]
        return back_to(request, VERSION_PAGE, object_id)

    @dialog(
        label="Take an alias away",
        path="take-alias",
        permission="promote",
        icon="label_off",
        question="The name points to nothing then. The version stays as it is.",
        form=TakenAliasForm,
        submit="Take it away",
    )
    def take_alias(
        self, request: HttpRequest, form: TakenAliasForm, object_id: str
    ) -> HttpResponse:
        version: ModelVersion = found(self, request, object_id)  # type: ignore[arg-type]
        alias, reason = form.cleaned_data["alias"], form.cleaned_data["reason"]

        def deed() -> str:
            services.remove_alias(
                model=version.model, alias=alias, actor=acting(request), reason=reason
            )
            return f"{version.model}@{alias} is taken away."

        tell(self, request, deed)  # type: ignore[arg-type]
        return back_to(request, VERSION_PAGE, object_id)


def senseless(version: ModelVersion) -> dict[str, bool]:
    """Which of the buttons, by path, a version's page goes without."""
    return {
        "point-alias": version.state != ModelVersion.State.READY,
        "take-alias": not free_aliases(version),
    }


def moved(version: ModelVersion, alias: str) -> str:
    if alias == CHAMPION:
        return f"{version} serves now."
    return f"{version.model}@{alias} points to version {version.number} now."
