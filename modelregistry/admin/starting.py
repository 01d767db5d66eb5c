"""Buttons that start jobs: they say that the job is queued and link to it, or why it is not."""

from collections.abc import Callable
from typing import Any, TypeVar

from django.contrib import messages
from django.contrib.admin import ModelAdmin
from django.db.models import Model
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.defaultfilters import slugify
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.forms import BaseDialogForm

from jobs import kinds
from jobs.errors import JobError
from jobs.models import Job
from jobs.services import submit
from modelregistry.admin.dialogs import dialog
from modelregistry.admin.reading import acting
from modelregistry.errors import RegistryError
from modelregistry.models import RegisteredModel
from modelregistry.panels import ModelAction

Row = TypeVar("Row", bound=Model)


def may_start(kind: str, request: HttpRequest, object_id: object = None) -> bool:
    """Whether who asks may submit such jobs, for any object."""
    permission = kinds.find(kind).permission
    return permission is None or request.user.has_perm(permission)


def start(
    page: "ModelAdmin[Any]", request: HttpRequest, kind: str, params: Callable[[], dict[str, Any]]
) -> None:
    """Submit the job and say so on the next page."""
    try:
        job = submit(kind=kind, params=params(), owner=acting(request), origin=Job.Origin.ADMIN)
    except (JobError, RegistryError) as error:
        page.message_user(request, str(error), messages.ERROR)
        return
    title = kinds.find(kind).title
    text = format_html("{}, {}: queued. {}", title, job.subject_label, job_link(job))
    page.message_user(request, text, messages.SUCCESS)


def found(page: "ModelAdmin[Row]", request: HttpRequest, object_id: str) -> Row:
    """What an address names. Raises Http404."""
    row: Row | None = page.get_object(request, object_id)
    if row is None:
        raise Http404
    return row


def job_link(job: Job, text: str = "Follow the job") -> SafeString:
    address = reverse("admin:jobs_job_change", args=(job.pk,))
    return format_html('<a class="font-semibold underline" href="{}">{}</a>', address, text)


def button(action: ModelAction) -> Callable[..., HttpResponse]:
    """The action as unfold shows it on a model's page: a button, and a dialog behind it."""

    def press(
        page: "ModelAdmin[RegisteredModel]",
        request: HttpRequest,
        form: BaseDialogForm,
        object_id: str,
    ) -> HttpResponse:
        model = found(page, request, object_id)
        start(page, request, action.kind, lambda: action.params(model, form.cleaned_data))
        return back_to(request, "admin:modelregistry_registeredmodel_change", object_id)

    press.__name__ = action.kind
    asks_first = dialog(
        label=action.label,
        path=slugify(action.label),
        permission=action.kind,
        icon=action.icon,
        question=action.question,
        form=action.form,
    )
    return asks_first(press)


def back_to(request: HttpRequest, view: str, object_id: str) -> HttpResponse:
    """That page; a dialog, which is a fragment, is told to go there as a whole."""
    address = reverse(view, args=(object_id,))
    if "HX-Request" in request.headers:
        return HttpResponse(headers={"HX-Redirect": address})
    return HttpResponseRedirect(address)
