"""The URL map of everything Django answers, and the lane's paths for servers without ASGI."""

import re

from django.contrib import admin
from django.core.exceptions import BadRequest, PermissionDenied, SuspiciousOperation
from django.http import HttpRequest, HttpResponse
from django.http.response import Http404
from django.urls import URLPattern, include, path, re_path
from django.views.decorators.csrf import csrf_exempt
from drf_spectacular.views import SpectacularSwaggerSplitView

from mlapi import health, key_views, landing
from mlapi.docs import Schema
from mlapi.problems import django_response, internal_error_response
from mlapi.wiring import lane
from predictions.views import LaneView

lane_view = LaneView(lane)


def lane_patterns() -> list[URLPattern]:
    """The lane's table as Django patterns, both spellings."""
    patterns = (re.sub(r"{(\w+)}", r"(?P<\1>[^/]+)", path[1:]) for path in lane.paths())
    return [re_path(f"^{pattern}/?$", lane_view) for pattern in patterns]


# Pages that change nothing answer a POST with 405, not with a word about CSRF.
landing_page, livez, readyz, metrics = map(
    csrf_exempt, (landing.page, health.livez, health.readyz, health.metrics)
)

urlpatterns = [
    path("", landing_page, name="landing"),
    *lane_patterns(),
    path("", include("predictions.urls")),
    path("", include("modelregistry.urls")),
    path("", include("jobs.urls")),
    re_path(r"^api/v1/keys/?$", key_views.KeyList.as_view(), name="key-list"),
    re_path(
        r"^api/v1/keys/(?P<key_id>[0-9A-Fa-f-]{1,64})/?$",
        key_views.KeyDetail.as_view(),
        name="key-detail",
    ),
    path("livez", livez, name="livez"),
    path("readyz", readyz, name="readyz"),
    path("metrics", metrics, name="metrics"),
    path("api/v1/schema/", Schema.as_view(), name="schema"),
    path("api/v1/docs/", SpectacularSwaggerSplitView.as_view(url_name="schema"), name="docs"),
    path("admin/", admin.site.urls),
]


def handler400(request: HttpRequest, exception: Exception) -> HttpResponse:
    listed = isinstance(exception, SuspiciousOperation)
    return django_response(exception if listed else BadRequest(), request)


def handler403(request: HttpRequest, exception: Exception) -> HttpResponse:
    return django_response(PermissionDenied(), request)


def handler404(request: HttpRequest, exception: Exception) -> HttpResponse:
    return django_response(Http404(), request)


def handler500(request: HttpRequest) -> HttpResponse:
    return internal_error_response(request)
