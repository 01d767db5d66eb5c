"""Request ids, latency and counts, for the lane and Django alike.

Three names of the tutorial: request_duration_seconds, requests_total, concurrent_requests; the
other two are in mlapi/machine.py. The lane counts in plain integers, folded into
prometheus_client a few times a second, at a scrape and at the end: an observation of its own
costs 2.5 microseconds with several processes.
"""

import functools
import itertools
import os
import re
import threading
from bisect import bisect_left
from collections.abc import Callable
from time import perf_counter

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from prometheus_client import Counter, Gauge, Histogram

BUCKETS = (
    0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05,
    0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
)  # fmt: skip
DURATION = Histogram(
    "request_duration_seconds",
    "Seconds from a request's last byte to its answer.",
    ["endpoint", "method"],
    buckets=BUCKETS,
)
REQUESTS = Counter(
    "requests_total", "Requests answered; status is success or error.", ["endpoint", "status"]
)
CONCURRENT = Gauge("concurrent_requests", "Requests being answered.", multiprocess_mode="livesum")
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_GIVEN_ID = re.compile(rb"[A-Za-z0-9._-]{1,64}")


class RequestIds:
    """The client's own id where it is a plain word, else one of ours."""

    def __init__(self) -> None:
        self._prefix = os.urandom(6).hex()
        self._numbers = itertools.count(1)

    def __call__(self, given: bytes | None = None) -> str:
        if given is not None and _GIVEN_ID.fullmatch(given):
            return given.decode()
        return f"{self._prefix}-{next(self._numbers):x}"


class Tally:
    """One endpoint's counts under one method; `buckets` are not cumulative."""

    __slots__ = ("buckets", "errors", "seconds", "successes")

    def __init__(self) -> None:
        self.buckets = [0] * (len(BUCKETS) + 1)
        self.seconds = 0.0
        self.successes = 0
        self.errors = 0

    def copy(self) -> "Tally":
        twin = Tally()
        twin.buckets, twin.seconds = self.buckets.copy(), self.seconds
        twin.successes, twin.errors = self.successes, self.errors
        return twin


class LaneMeter:
    """Counts on the event loop; `fold` may be called from any thread.

    The loop only ever adds, and what was folded is remembered beside it: nothing is lost between
    a reader and the loop.
    """

    def __init__(self) -> None:
        self._counted: dict[tuple[str, str], Tally] = {}  # by endpoint and method
        self._folded: dict[tuple[str, str], Tally] = {}
        self._in_flight = 0
        self._folded_in_flight = 0
        self._folding = threading.Lock()

    def begin(self) -> None:
        self._in_flight += 1

    def end(self, endpoint: str, method: str, *, success: bool, seconds: float) -> None:
        self._in_flight -= 1
        tally = self._counted.get((endpoint, method))
        if tally is None:
            known = (endpoint, method if method in _METHODS else "other")
            tally = self._counted.setdefault(known, Tally())
        tally.buckets[bisect_left(BUCKETS, seconds)] += 1
        tally.seconds += seconds
        if success:
            tally.successes += 1
        else:
            tally.errors += 1

    def fold(self) -> None:
        """Bring the metrics up to what was counted."""
        with self._folding:
            for labels, counted in list(self._counted.items()):
                now = counted.copy()
                _observe(*labels, now, self._folded.get(labels) or Tally())
                self._folded[labels] = now
            in_flight = self._in_flight
            CONCURRENT.inc(in_flight - self._folded_in_flight)
            self._folded_in_flight = in_flight


def _observe(endpoint: str, method: str, now: Tally, before: Tally) -> None:
    REQUESTS.labels(endpoint, "success").inc(now.successes - before.successes)
    REQUESTS.labels(endpoint, "error").inc(now.errors - before.errors)
    durations = DURATION.labels(endpoint, method)
    raise_histogram(durations, (now.buckets, now.seconds), (before.buckets, before.seconds))


def raise_histogram(
    histogram: Histogram, now: tuple[list[int], float], before: tuple[list[int], float]
) -> None:
    """By what `now` is above `before`: observations by bucket, not cumulative, and their sum."""
    # prometheus_client has no way to add many observations at once; these two hold its values.
    for bucket, new, old in zip(histogram._buckets, now[0], before[0], strict=True):
        if new != old:
            bucket.inc(new - old)
    histogram._sum.inc(now[1] - before[1])


meter = LaneMeter()  # the process's one
request_ids = RequestIds()


class RequestMiddleware:
    """Gives every request of Django's an id, and counts those the lane has not counted."""

    sync_capable = True
    async_capable = False

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        given = request.headers.get("X-Request-ID", "")
        request.request_id = request_ids(given.encode("ascii", "replace"))  # type: ignore[attr-defined]
        started = perf_counter()
        with CONCURRENT.track_inprogress():
            response = self._get_response(request)
        if not _is_counted(request):
            _count(request, response, perf_counter() - started)
        response.headers.setdefault("X-Request-ID", request.request_id)  # type: ignore[attr-defined]
        return response


def _is_counted(request: HttpRequest) -> bool:
    """By the lane, or when Django was asked the first time for a caller who waits."""
    scope = getattr(request, "scope", {})  # of ASGI; WSGI's requests have none
    return getattr(request, "counted_by_lane", False) or scope.get("counted", False)


def _count(request: HttpRequest, response: HttpResponseBase, seconds: float) -> None:
    match = request.resolver_match
    endpoint = template_of(match.route) if match is not None else "unmatched"
    method = request.method if request.method in _METHODS else "other"
    DURATION.labels(endpoint, method).observe(seconds)
    REQUESTS.labels(endpoint, "success" if response.status_code < 400 else "error").inc()


@functools.cache
def template_of(route: str) -> str:
    """A Django route as people write it: ^a/(?P<name>[^/]+)/?$ and a/<str:name> are /a/{name}."""
    plain = re.sub(r"\(\?P<(\w+)>[^)]*\)|<(?:\w+:)?(\w+)>", r"{\1\2}", route)
    return "/" + plain.removeprefix("^").removesuffix("$").removesuffix("/?").replace("\\", "")
