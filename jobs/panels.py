"""How a kind's result is shown on its job's page, where JSON would not do: apps above say so."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.template.loader import render_to_string
from django.utils.safestring import SafeString

from jobs.models import Job


@dataclass(frozen=True, slots=True)
class ResultPanel:
    """A template, and what it is given of a result."""

    template: str
    context: Callable[[Any], dict[str, Any]]


_panels: dict[str, ResultPanel] = {}


def show_result(*, kind: str, template: str, context: Callable[[Any], dict[str, Any]]) -> None:
    """Show the results of `kind` with `template`. Raises ValueError where it has one."""
    if kind in _panels:
        raise ValueError(f"The results of {kind} have a template already.")
    _panels[kind] = ResultPanel(template, context)


def panel_of(job: Job) -> SafeString | None:
    """A job's result, rendered; None where there is nothing but JSON."""
    panel = _panels.get(job.kind)
    if panel is None or job.result is None:
        return None
    return render_to_string(panel.template, panel.context(job.result))
