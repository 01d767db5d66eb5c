"""Who acts in a request, for the audit trail, and from where; and what it never shows."""

from collections.abc import Callable
from ipaddress import ip_address

from django.http import HttpRequest
from django.http.response import HttpResponseBase

from jobs.audit import acting
from mlapi.problems import id_of
from modelregistry.permissions import VIEW_ALL_MODELS

READING = ("auditlog.view_logentry", VIEW_ALL_MODELS)  # it names models, whomever they are for


class AuditMiddleware:
    """The actor is asked for when an entry is written: by then DRF knows whose key it is.

    Not the library's own, which believes X-Forwarded-For from anybody and asks for the user first.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        with acting(lambda: request.user, address=address_of(request), request=id_of(request)):
            return self._get_response(request)


def address_of(request: HttpRequest) -> str | None:
    """The caller's, as the server knows it: a trusted proxy's word, else the connection's end."""
    try:
        return str(ip_address(request.META.get("REMOTE_ADDR", "")))
    except ValueError:
        return None


def hidden(_value: str) -> str:
    """In place of a password: that it changed is all there is to see."""
    return "***"
