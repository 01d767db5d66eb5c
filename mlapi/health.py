"""Probes and /metrics: whether the process lives, may be sent requests, and what it counted."""

import os

import redis
from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.http import require_safe
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, generate_latest

from jobs.exposition import counted, has_token, is_loopback
from mlapi.limits import drain
from mlapi.machine import MachineCollector
from mlapi.model_metrics import ModelMeter
from mlapi.observability import meter
from mlapi.problems import NoMetricsToken, django_response
from predictions.following import Follower
from predictions.runtime import models
from predictions.serving.errors import ServingError

BROKER_INTERVAL_S = 1.0
PROXIED = frozenset({"Forwarded", "X-Real-Ip", "Via"})  # headers that proxies add
_broker = redis.Redis.from_url(
    settings.MLAPI.redis_py_url, socket_timeout=1, socket_connect_timeout=1
)


def _ping_broker() -> None:
    _broker.ping()


_machine = MachineCollector()
if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
    REGISTRY.register(_machine)

_model_meter = ModelMeter(models.engine.counted)
broker_follower = Follower("broker", _ping_broker, interval_s=BROKER_INTERVAL_S)


@require_safe
def livez(request: HttpRequest) -> JsonResponse:
    """The process answers."""
    return JsonResponse({"live": True})


@require_safe
def readyz(request: HttpRequest) -> JsonResponse:
    """Ready once database, broker and default model have each answered; degraded without one.

    Predictions need neither database nor broker, so that losing one later is no reason to send
    requests elsewhere; nor is a champion that another version stands in for. A process that is
    stopping says so before its socket closes.
    """
    waiting = [name for name, seen in _sources() if not seen.has_read]
    try:
        models.engine.live(settings.DEFAULT_MODEL)
    except ServingError:
        waiting.append("default model")
    if waiting or drain.under_way:
        facts = {"ready": False, "waiting_for": waiting, "draining": drain.under_way}
        answer = JsonResponse(facts, status=503)
        answer["Retry-After"] = "1"
        return answer
    degraded = [name for name, seen in _sources() if seen.fault is not None]
    degraded += [trouble.sentence for trouble in models.troubles.values()]
    return JsonResponse({"ready": True, "degraded": degraded})


def _sources() -> list[tuple[str, Follower]]:
    return [("database", models.follower), ("broker", broker_follower)]


@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """Everything counted, by all processes, in Prometheus' text format.

    For loopback, or for those who send MLAPI_METRICS_TOKEN as a bearer token.
    """
    if not (_from_loopback(request) or _has_metrics_token(request)):
        return django_response(NoMetricsToken(), request)
    fold()
    return HttpResponse(generate_latest(counted(_machine)), content_type=CONTENT_TYPE_LATEST)


def fold() -> None:
    """Bring the metrics up to what this process has counted in plain numbers; from any thread."""
    meter.fold()
    _model_meter.fold()


def _from_loopback(request: HttpRequest) -> bool:
    if any(name.startswith("X-Forwarded-") or name in PROXIED for name in request.headers):
        return False  # a proxy on this machine asks for somebody elsewhere
    return is_loopback(request.META.get("REMOTE_ADDR", ""))


def _has_metrics_token(request: HttpRequest) -> bool:
    return has_token(request.headers.get("Authorization", ""), settings.MLAPI.metrics_token)
