"""Whom a model is open to: the two fields of its page that say so, and the words of its list."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.http import HttpRequest

from modelregistry.models import RegisteredModel

NOBODY = (
    "No group is chosen: until one is, the model is seen by those alone who may see the models of "
    "all groups."
)


class AudienceForm(forms.ModelForm):  # type: ignore[type-arg]  # at runtime it takes none
    def clean(self) -> dict[str, Any]:
        """As REST has it: groups are those of a model whose visibility is groups."""
        given = super().clean() or {}
        if given.get("groups") and given.get("visibility") != RegisteredModel.Visibility.GROUPS:
            self.add_error(
                "groups",
                "Choose groups as the visibility, or take these out: they would not count.",
            )
        return given


class ForGroups:
    """Mixed into the models' admin, which is a ModelAdmin besides."""

    form = AudienceForm
    filter_horizontal = ("groups",)

    def save_related(
        self: Any, request: HttpRequest, form: "forms.ModelForm[Any]", *more: Any
    ) -> None:
        super().save_related(request, form, *more)  # type: ignore[misc]
        if is_nobodys(form.instance):
            self.message_user(request, NOBODY, messages.WARNING)

    @admin.display(description="Open to", ordering="visibility")
    def open_to(self, model: RegisteredModel) -> str:
        return open_to(model)


def is_nobodys(model: RegisteredModel) -> bool:
    return model.visibility == RegisteredModel.Visibility.GROUPS and not model.groups.all()


def open_to(model: RegisteredModel) -> str:
    """Its visibility, and the groups where it is for some."""
    if model.visibility != RegisteredModel.Visibility.GROUPS:
        return str(model.get_visibility_display())
    return f"groups: {', '.join(group.name for group in model.groups.all()) or 'none yet'}"
