"""Two versions of a model side by side: what is known of them, and a button that asks both."""

from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.admin import ModelAdmin
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from unfold.decorators import action
from unfold.widgets import UnfoldAdminSelectWidget

from jobs.access import NOT_IN_LISTS, visible_to
from jobs.errors import JobError
from jobs.models import Job
from jobs.services import submit
from modelregistry.admin.compared import known_facts, pair_page
from modelregistry.admin.reading import acting
from modelregistry.admin.starting import found, may_start
from modelregistry.comparing import (
    Pair,
    check_comparable,
    comparable_versions,
    side_of,
    usual_pair,
)
from modelregistry.errors import NotComparable
from modelregistry.models import CHAMPION, ModelVersion, RegisteredModel
from modelregistry.tasks import COMPARE

MOST_VERSIONS = 200  # to choose from
MOST_BEFORE = 5


class PairForm(forms.Form):
    """Which two; `versions` are those one may choose from, the newest first."""

    a = forms.TypedChoiceField(coerce=int, widget=UnfoldAdminSelectWidget, label="This version")
    b = forms.TypedChoiceField(coerce=int, widget=UnfoldAdminSelectWidget, label="Beside this one")

    def __init__(self, data: Any, *, versions: list[ModelVersion], champion: int | None) -> None:
        super().__init__(data)
        self._versions = {version.number: version for version in versions}
        names = [
            (number, f"version {number}, champion" if number == champion else f"version {number}")
            for number in self._versions
        ]
        for name in ("a", "b"):
            self.fields[name].choices = names  # type: ignore[attr-defined]

    def pair(self) -> Pair | None:
        """None where what was chosen is none of them."""
        if not self.is_valid():
            return None
        return Pair(*(self._versions[self.cleaned_data[name]] for name in ("a", "b")))


class Comparing:
    """Mixed into the models' admin, which is a ModelAdmin besides."""

    def has_compare_permission(self: Any, request: HttpRequest, object_id: object = None) -> bool:
        return self.has_view_permission(request) and may_start(COMPARE, request)

    @action(  # type: ignore[untyped-decorator]
        description="Compare",
        url_path="compare",
        permissions=["compare"],
        icon="compare_arrows",
    )
    def compare_versions(self: Any, request: HttpRequest, object_id: str) -> HttpResponse:
        model: RegisteredModel = found(self, request, object_id)
        if request.method == "POST":
            return _begin(self, request, model)
        context = {
            **self.admin_site.each_context(request),
            "title": f"Compare versions of {model}",
            "opts": self.model._meta,
            "original": model,
            **_shown(request, model),
        }
        return TemplateResponse(request, "admin/modelregistry/compare.html", context)


def _begin(page: "ModelAdmin[Any]", request: HttpRequest, model: RegisteredModel) -> HttpResponse:
    """The job's page, which shows what comes of it; this one again where it was refused."""
    a, b = (_whole(request.POST.get(name, "")) for name in ("a", "b"))
    params = {"model": model.name, "a": a, "b": b}
    try:
        job = submit(kind=COMPARE, params=params, owner=acting(request), origin=Job.Origin.ADMIN)
    except JobError as error:
        page.message_user(request, str(error), messages.ERROR)
        return HttpResponseRedirect(pair_page(model, a, b))
    return HttpResponseRedirect(reverse("admin:jobs_job_change", args=(job.pk,)))


def _shown(request: HttpRequest, model: RegisteredModel) -> dict[str, Any]:
    """The form with the two that were chosen, or are usually; and what there is to say of them."""
    usual = usual_pair(model)
    if usual is None:
        return {"alone": comparable_versions(model).first()}
    asked = {"a": str(usual.a.number), "b": str(usual.b.number), **request.GET.dict()}
    form = PairForm(asked, versions=_choices(model, usual), champion=_champion(model))
    pair = form.pair()
    if pair is None:
        return {"form": form}
    return {
        "form": form,
        "pair": pair,
        "facts": list(known_facts(side_of(pair.a), side_of(pair.b))),
        "refusal": _refusal(pair),
        "before": _before(request, pair),
    }


def _choices(model: RegisteredModel, usual: Pair) -> list[ModelVersion]:
    """The newest, and the champion however old it is."""
    newest = list(comparable_versions(model)[:MOST_VERSIONS])
    return newest if usual.a in newest else [*newest, usual.a]


def _champion(model: RegisteredModel) -> int | None:
    versions = model.versions.filter(aliases__name=CHAMPION)
    return versions.values_list("number", flat=True).first()


def _refusal(pair: Pair) -> str:
    """Why they cannot be asked the same rows; empty where they can."""
    try:
        check_comparable(pair.a, pair.b)
    except NotComparable as error:
        return str(error)
    return ""


def _before(request: HttpRequest, pair: Pair) -> list[Job]:
    """The last comparisons of these two that who looks may see."""
    theirs = visible_to(request.user).filter(
        kind=COMPARE,
        params__model=pair.a.model.name,
        params__a=pair.a.number,
        params__b=pair.b.number,
    )
    return list(theirs.defer(*NOT_IN_LISTS)[:MOST_BEFORE])


def _whole(text: str) -> int:
    """0, which no version has, where it is none."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 9 else 0
