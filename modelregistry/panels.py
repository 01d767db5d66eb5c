"""What a model's page in the admin offers beside the registry's own: apps above add to it here.

Records only; modelregistry/admin shows it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from django.forms import Form
from django.http import HttpRequest

from modelregistry.models import RegisteredModel


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelAction:
    """A button that asks, then starts a job; who may press it is said by the kind's permission."""

    kind: str
    label: str
    question: str
    icon: str  # of Material Symbols
    form: type[Form]
    """Takes what unfold's BaseDialogForm takes."""
    params: Callable[[RegisteredModel, Mapping[str, Any]], dict[str, Any]]
    """The model and the form's answers -> parameters of the job. May raise RegistryError."""
    makes_version: bool = False
    """Then there is no button where the model takes none."""


_actions: dict[str, ModelAction] = {}


def register_action(action: ModelAction) -> None:
    """Raises ValueError where there is a button for jobs of that kind."""
    if action.kind in _actions:
        raise ValueError(f"There is an action {action.kind} already.")
    _actions[action.kind] = action


def model_actions() -> list[ModelAction]:
    """By label, whoever registered first."""
    return sorted(_actions.values(), key=lambda action: action.label)


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelPanel:
    """A section below the rest of the page."""

    title: str
    template: str
    context: Callable[[HttpRequest, RegisteredModel], Mapping[str, Any]]
    """What the template reads as `shown`."""


_panels: list[ModelPanel] = []


def register_panel(panel: ModelPanel) -> None:
    """Raises ValueError where there is one of that title."""
    if any(known.title == panel.title for known in _panels):
        raise ValueError(f"There is a panel {panel.title} already.")
    _panels.append(panel)


def model_panels() -> list[ModelPanel]:
    """By title, whoever registered first."""
    return sorted(_panels, key=lambda panel: panel.title)
