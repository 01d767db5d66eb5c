"""Middleware for what the admin's own code trips over: strange addresses and forms are a 400."""

import logging
from collections.abc import Callable

from django.core.exceptions import BadRequest, FieldError, ValidationError
from django.core.paginator import InvalidPage
from django.db import DatabaseError, DataError
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase

from mlapi.problems import django_response, id_of

log = logging.getLogger(__name__)


class AdminRefusals:
    """Django's admin hands ids, lookups and pages of a query string on as they came."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        return self._get_response(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        if not request.path.startswith("/admin/") or not _tripped_over_input(request, error):
            return None
        log.warning("request %s: the admin tripped over %s", id_of(request), type(error).__name__)
        return django_response(BadRequest(), request)


def _tripped_over_input(request: HttpRequest, error: Exception) -> bool:
    if isinstance(error, DatabaseError):  # SQLite and PostgreSQL tell it each in their own way
        return isinstance(error, DataError) or any("regex" in name for name in request.GET)
    if isinstance(error, OverflowError | ValidationError | FieldError | InvalidPage):
        return True
    asks = request.method in ("GET", "HEAD") or "_selected_action" in request.POST
    return asks and isinstance(error, ValueError)
