"""The error catalogue: every domain exception, its status, code and title, rendered once.

problem+json (RFC 9457) for the lane, DRF and Django's own refusals; a page where somebody looks
at the admin. The most specific entry along an exception's MRO counts; what is not listed is a 500
whose detail stays in the log.
"""

import logging
import sys
from dataclasses import dataclass

import msgspec
from django.core.exceptions import (
    BadRequest,
    DisallowedHost,
    PermissionDenied,
    RequestDataTooBig,
    SuspiciousOperation,
    TooManyFieldsSent,
)
from django.db import OperationalError
from django.http import Http404, HttpRequest, HttpResponse
from django.middleware.csrf import get_token
from django.template.loader import render_to_string
from django.utils.encoding import escape_uri_path
from rest_framework import exceptions as drf
from rest_framework.response import Response
from rest_framework.views import set_rollback

from jobs import errors as jobs
from mlapi import errors as access
from mlapi.full_disk import is_disk_full
from modelregistry import errors as registry
from modelregistry import parsers
from modelregistry.formats.runtime import RowsRefused
from predictions import errors as request_errors
from predictions.lane.collaborators import Reply
from predictions.protocols.encodings import ACCEPTED
from predictions.serving import errors as serving

log = logging.getLogger(__name__)


class NoMetricsToken(drf.NotAuthenticated):
    """Somebody elsewhere asks for the metrics; an API key does not open them."""


CONTENT_TYPE = "application/problem+json"


@dataclass(frozen=True, slots=True)
class Problem:
    """What clients read of an exception. `detail` None: the exception's own sentence."""

    status: int
    code: str
    title: str
    detail: str | None = None


INTERNAL = Problem(500, "internal_error", "Internal error", "Something failed; it is in the log.")
DISK_FULL = Problem(507, "disk_full", "Disk full", "There is no room left to keep anything.")
CATALOGUE: dict[type[BaseException], Problem] = {
    request_errors.Malformed: Problem(400, "malformed", "Malformed request"),
    request_errors.Unauthenticated: Problem(401, "unauthenticated", "Not authenticated"),
    request_errors.MethodNotAllowed: Problem(405, "method_not_allowed", "Method not allowed"),
    request_errors.BodyTooLarge: Problem(413, "body_too_large", "Body too large"),
    request_errors.UnsupportedMediaType: Problem(415, "unsupported_media_type", "Not JSON"),
    request_errors.UnsupportedEncoding: Problem(
        415, "unsupported_encoding", "Compressed in an unknown way"
    ),
    request_errors.TooSlow: Problem(408, "too_slow", "Too slow"),
    request_errors.HeadersTooLarge: Problem(431, "headers_too_large", "Headers too large"),
    request_errors.Crowded: Problem(503, "overloaded", "Overloaded"),
    request_errors.WrongInput: Problem(422, "wrong_input", "Wrong input for this model"),
    request_errors.NoOnnxArtifact: Problem(409, "no_onnx_artifact", "No ONNX artifact"),
    request_errors.NoSourceEstimator: Problem(409, "no_source_estimator", "No source estimator"),
    serving.UnknownModel: Problem(404, "unknown_model", "Unknown model"),
    serving.NotReady: Problem(503, "not_ready", "Not ready"),
    serving.VersionBroken: Problem(503, "version_broken", "Version broken"),
    serving.Overloaded: Problem(503, "overloaded", "Overloaded"),
    serving.DeadlineExceeded: Problem(504, "deadline_exceeded", "Deadline exceeded"),
    serving.NotFinite: Problem(422, "not_finite", "No finite answer"),
    serving.InferenceFailed: Problem(500, "inference_failed", "The model failed"),
    RowsRefused: Problem(422, "wrong_input", "Wrong input for this model"),
    registry.UnknownModel: Problem(
        404, "unknown_model", "Unknown model", "There is no model of this name."
    ),
    registry.UnknownVersion: Problem(
        404, "unknown_version", "Unknown version", "The model has no version of this number."
    ),
    registry.UnknownAlias: Problem(
        404, "unknown_alias", "Unknown alias", "The model has no alias of this name."
    ),
    registry.ModelExists: Problem(409, "model_exists", "Name taken"),
    registry.VersionExists: Problem(409, "version_exists", "Version taken"),
    registry.WrongSettings: Problem(422, "wrong_input", "Wrong input"),
    registry.InvalidName: Problem(400, "invalid_name", "Invalid name"),
    registry.ArchivedModel: Problem(409, "archived_model", "The model is archived"),
    registry.NotChecked: Problem(409, "not_checked", "Not checked yet"),
    registry.RefusedFile: Problem(422, "refused_file", "File refused"),
    registry.TooLarge: Problem(413, "body_too_large", "Body too large"),
    registry.NotConvertible: Problem(409, "not_convertible", "Not convertible"),
    registry.NotRetrainable: Problem(409, "not_retrainable", "Not retrainable"),
    registry.NotComparable: Problem(409, "not_comparable", "Not comparable"),
    registry.NotPromotable: Problem(409, "not_promotable", "Not promotable"),
    registry.NothingBefore: Problem(409, "nothing_before", "Nothing to go back to"),
    registry.StillServing: Problem(409, "still_serving", "Still serving"),
    registry.NoArtifact: Problem(409, "no_artifact", "No such file"),
    registry.NoReport: Problem(409, "no_report", "No report"),
    registry.DamagedArtifact: Problem(503, "damaged_artifact", "A stored file is damaged"),
    registry.Unconfined: Problem(503, "unconfined", "Files cannot be checked"),
    registry.NotLookedAt: Problem(503, "not_looked_at", "The machine failed"),
    registry.StoreUnavailable: Problem(503, "store_unavailable", "Files are out of reach"),
    jobs.UnknownKind: Problem(
        422, "unknown_kind", "Unknown kind of job", "/api/v1/job-kinds/ lists those there are."
    ),
    jobs.UnknownJob: Problem(404, "unknown_job", "Unknown job"),
    jobs.WrongParams: Problem(422, "wrong_input", "Wrong input"),
    jobs.WrongFilter: Problem(400, "malformed", "Malformed request"),
    jobs.KeyReused: Problem(422, "key_reused", "Idempotency key used before"),
    jobs.NotAllowed: Problem(403, "forbidden", "Forbidden"),
    jobs.NotFinished: Problem(409, "not_finished", "Not finished"),
    jobs.NoResult: Problem(409, "no_result", "No result"),
    jobs.NotCancellable: Problem(409, "not_cancellable", "Not cancellable"),
    jobs.NotRetryable: Problem(409, "not_retryable", "Not retryable"),
    access.KeyRefused: Problem(422, "wrong_input", "Wrong input"),
    access.TooManyFailures: Problem(429, "too_many_failures", "Too many failed attempts"),
    access.TooManyKeys: Problem(409, "too_many_keys", "Too many keys"),
    access.UnknownKey: Problem(404, "unknown_key", "Unknown key"),
    drf.ParseError: Problem(400, "malformed", "Malformed request", "The body is not valid JSON."),
    drf.NotAuthenticated: Problem(
        401, "unauthenticated", "Not authenticated", "Send an API key as Authorization: Bearer KEY."
    ),
    NoMetricsToken: Problem(
        401,
        "unauthenticated",
        "Not authenticated",
        "Metrics are for this machine, or for who sends Authorization: Bearer MLAPI_METRICS_TOKEN.",
    ),
    drf.AuthenticationFailed: Problem(401, "unauthenticated", "Not authenticated"),
    drf.PermissionDenied: Problem(
        403, "forbidden", "Forbidden", "You may not do this with these credentials."
    ),
    drf.NotFound: Problem(404, "not_found", "Not found", "There is nothing at this address."),
    drf.NotAcceptable: Problem(406, "not_acceptable", "Not acceptable", "Answers are JSON."),
    drf.UnsupportedMediaType: Problem(
        415, "unsupported_media_type", "Not JSON", "Send JSON, with Content-Type: application/json."
    ),
    parsers.NotMultipart: Problem(415, "unsupported_media_type", "Not multipart/form-data"),
    parsers.BrokenForm: Problem(400, "malformed", "Malformed request"),
    drf.ValidationError: Problem(422, "wrong_input", "Wrong input"),
    drf.Throttled: Problem(429, "rate_limited", "Too many requests", "Come back later."),
    PermissionDenied: Problem(403, "forbidden", "Forbidden", "You may not do this."),
    Http404: Problem(404, "not_found", "Not found", "There is nothing at this address."),
    DisallowedHost: Problem(
        400,
        "unknown_host",
        "Unknown host",
        "This host name is not served; DJANGO_ALLOWED_HOSTS names those that are.",
    ),
    OperationalError: Problem(
        503, "database_unavailable", "Database unavailable", "The database does not answer."
    ),
    RequestDataTooBig: Problem(413, "body_too_large", "Body too large", "The body is too large."),
    TooManyFieldsSent: Problem(400, "malformed", "Malformed request", "Too many fields."),
    SuspiciousOperation: Problem(
        400, "malformed", "Malformed request", "The request makes no sense."
    ),
    BadRequest: Problem(400, "malformed", "Malformed request", "The request makes no sense."),
}


def problem_of(error: BaseException, request_id: str) -> Problem:
    """The entry for an exception; one that nobody listed is logged with its traceback."""
    if is_disk_full(error):
        return DISK_FULL
    for kind in type(error).__mro__:
        if kind in CATALOGUE:
            return CATALOGUE[kind]
    log.error("request %s failed", request_id, exc_info=error)
    return INTERNAL


def body_of(problem: Problem, error: BaseException, request_id: str) -> bytes:
    return msgspec.json.encode(
        {
            "type": f"urn:mlapi:problem:{problem.code}",
            "title": problem.title,
            "status": problem.status,
            "code": problem.code,
            "detail": problem.detail or _sentence(error),
            "request_id": request_id,
        }
    )


def headers_of(problem: Problem, error: BaseException) -> dict[str, str]:
    """What a client needs to act on it: when to come back, how to authenticate, what is allowed."""
    headers = {"Content-Type": CONTENT_TYPE}
    retry_after = getattr(error, "retry_after_s", None) or getattr(error, "wait", None)
    if problem.status in (429, 503):
        headers["Retry-After"] = str(max(1, round(retry_after or 1)))
    if problem.status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    if problem.status in (408, 413):
        headers["Connection"] = "close"  # the rest of the body may still be on its way
    if isinstance(error, request_errors.UnsupportedEncoding):
        headers["Accept-Encoding"] = ACCEPTED
    if isinstance(error, request_errors.MethodNotAllowed):
        headers["Allow"] = error.allowed
    return headers


def lane_reply(error: Exception, request_id: str) -> Reply:
    """The lane's rendering: status, headers and bytes."""
    problem = problem_of(error, request_id)
    body = body_of(problem, error, request_id)
    headers = [(k.lower().encode(), v.encode()) for k, v in headers_of(problem, error).items()]
    headers.append((b"content-length", b"%d" % len(body)))
    headers.append((b"x-request-id", request_id.encode()))
    headers.append((b"x-content-type-options", b"nosniff"))
    return problem.status, headers, body


def django_response(error: BaseException, request: HttpRequest) -> HttpResponse:
    """Django's rendering."""
    return _rendered(problem_of(error, id_of(request)), error, request)


def internal_error_response(request: HttpRequest) -> HttpResponse:
    """Django's handler500, inside its `except`: by then the exception is in Django's own log."""
    full = is_disk_full(sys.exception() or Exception())  # while a form was read, before any view
    return _rendered(DISK_FULL if full else INTERNAL, Exception(), request)


def _rendered(problem: Problem, error: BaseException, request: HttpRequest) -> HttpResponse:
    headers = headers_of(problem, error)
    headers.pop("Connection", None)  # a hop-by-hop header: the server's business, refused by WSGI
    request_id = id_of(request)
    if request.path.startswith("/admin/") and problem.status < 500:
        said = (request_id, request.method, escape_uri_path(request.path), problem.status)
        log.warning("request %s: %s %s answered %d", *said)
    if _is_looked_at(request):
        del headers["Content-Type"]
        facts = {
            "problem": problem,
            "detail": problem.detail or _sentence(error),
            "request_id": request_id,
            "csrf_token": get_token(request) if problem.status == 403 else "",
        }
        page = render_to_string("problem.html", facts)
        return HttpResponse(page, status=problem.status, headers=headers)
    return HttpResponse(body_of(problem, error, request_id), status=problem.status, headers=headers)


def id_of(request: HttpRequest) -> str:
    return str(getattr(request, "request_id", ""))


def _is_looked_at(request: HttpRequest) -> bool:
    """Whether a browser shows the answer as a page of the admin; programs ask for no HTML."""
    return request.path.startswith("/admin/") and "text/html" in request.headers.get("Accept", "")


def drf_exception_handler(error: Exception, context: dict[str, object]) -> HttpResponse | Response:
    """DRF's EXCEPTION_HANDLER: the catalogue for everything a view raises."""
    set_rollback()
    view = context["view"]
    if isinstance(error, drf.MethodNotAllowed):
        error = request_errors.MethodNotAllowed(view.headers["Allow"])  # type: ignore[attr-defined]
    response = django_response(error, context["request"]._request)  # type: ignore[attr-defined]
    for name, value in view.headers.items():  # type: ignore[attr-defined]
        response.setdefault(name, value)
    if "Allow" in response and response.status_code != 405:
        del response["Allow"]
    return response


def _sentence(error: BaseException) -> str:
    """The exception's own words; DRF's field errors as `field: what is wrong`."""
    if isinstance(error, drf.ValidationError):
        return _flat(error.detail)
    return str(error)


def _flat(detail: object) -> str:
    if isinstance(detail, dict):
        return " ".join(f"{field}: {_flat(inner)}" for field, inner in detail.items())
    if isinstance(detail, list):
        return " ".join(_flat(inner) for inner in detail)
    return str(detail)
