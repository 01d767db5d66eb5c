"""Buttons that ask before they do something: one shape of dialog, and one way to say what came
of it.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.contrib import messages
from django.contrib.admin import ModelAdmin
from django.http import Http404, HttpRequest, HttpResponse
from unfold.decorators import action
from unfold.forms import BaseDialogForm

from modelregistry.errors import RegistryError


def dialog(
    *,
    label: str,
    path: str,
    permission: str,
    icon: str,
    question: str,
    form: type[BaseDialogForm],
    title: str | None = None,
    submit: str | None = None,
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Makes a method of an admin a button on an object's page; `permission` is the middle of the
    name of the method that says who has it. Title and last button say the label if nothing else.
    An address of no object is 404 for who has the permission, before anything is asked.
    """
    decorator: Callable[[Callable[..., Any]], Callable[..., Any]] = action(
        description=label,
        url_path=path,
        permissions=[permission],
        icon=icon,
        dialog={
            "title": title or label,
            "description": question,
            "form_class": form,
            "form_submit_text": submit or label,
        },
    )
    return lambda method: _of_something(decorator(method), permission)


def _of_something(asks: Callable[..., Any], permission: str) -> Callable[..., Any]:
    """unfold would ask of what is not there, and look for it only once that is answered."""

    @wraps(asks)
    def asked(
        page: "ModelAdmin[Any]", request: HttpRequest, *args: Any, object_id: str, **more: Any
    ) -> HttpResponse | None:
        may = getattr(page, f"has_{permission}_permission")
        if may(request, object_id) and page.get_object(request, object_id) is None:
            raise Http404
        return asks(page, request, *args, object_id=object_id, **more)  # type: ignore[no-any-return]

    return asked


def tell(page: "ModelAdmin[Any]", request: HttpRequest, deed: Callable[[], str]) -> None:
    """Do it, and say on the next page what it has come to, or why it is not done."""
    try:
        words = deed()
    except RegistryError as error:
        page.message_user(request, str(error), messages.ERROR)
    else:
        page.message_user(request, words, messages.SUCCESS)
