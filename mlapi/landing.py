"""The landing page: what answers in this process, and requests that work as pasted."""

import json
from collections.abc import Iterator
from dataclasses import dataclass

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from mlapi.examples import GROUPS
from mlapi.pasted import Example, own_model
from predictions.runtime import models
from predictions.serving.engine import Identity


@dataclass(frozen=True, slots=True)
class Shown:
    """An example with the address of the server it is shown by."""

    example: Example
    command: str


@dataclass(frozen=True, slots=True)
class Section:
    title: str
    text: str
    shown: list[Shown]


@require_safe
def page(request: HttpRequest) -> HttpResponse:
    public = sorted((m for m in models.engine.models() if m.audience.public), key=lambda m: m.model)
    base_url = f"{request.scheme}://{request.get_host()}"
    sections = list(_sections(public, base_url))
    return render(request, "landing.html", {"models": public, "sections": sections})


def _sections(public: list[Identity], base_url: str) -> Iterator[Section]:
    """The groups, each with the examples that work here; none that is empty."""
    names = frozenset(model.model for model in public)
    for group in GROUPS:
        fitting = [example for example in group.examples if _works(example, names)]
        if group.own_models:
            own = (_example_of(m) for m in public if m.model not in group.models)
            fitting += filter(None, own)
        if fitting:
            shown = [Shown(example, example.command(base_url)) for example in fitting]
            yield Section(group.title, group.text, shown)


def _works(example: Example, public: frozenset[str]) -> bool:
    if example.model and example.model not in public:
        return False
    return not example.by_default or example.model == settings.DEFAULT_MODEL


def _example_of(model: Identity) -> Example | None:
    """The version's own input example as a request, for a model of the operator's own.

    None where it has gone meanwhile.
    """
    live = models.live_version(model.model)
    if live is None:
        return None
    row: object = live.example
    if not live.signature.is_matrix:
        row = dict(zip(live.signature.columns, live.example, strict=True))
    return own_model(model.model, json.dumps({"rows": [row]}))
