"""One request on the data plane, from its body to its answer.

No scope, future or task: a request is (method, path, headers, body), an answer goes to a callback.
"""

import asyncio
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from math import inf
from time import monotonic, perf_counter
from typing import Protocol

import msgspec

from modelregistry.audience import ANONYMOUS, Caller
from predictions.lane.collaborators import Client, Collaborators, Headers, Respond
from predictions.lane.reading import Aside, Ask, unpacked_at_once
from predictions.protocols.encodings import coding_of
from predictions.protocols.json_body import require_json
from predictions.protocols.timeouts import seconds_of
from predictions.serving.batcher import Batcher
from predictions.serving.cache import Key, digest_of
from predictions.serving.calls import Answer, Call
from predictions.serving.counts import Counts
from predictions.serving.engine import Loaded
from predictions.serving.errors import (
    DeadlineExceeded,
    NotLoaded,
    Overloaded,
    ServingError,
    UnknownModel,
)

_JSON = b"application/json"
_NOSNIFF = (b"x-content-type-options", b"nosniff")
LARGE_BODY = 100_000  # bytes; above, a body is read in a thread, one at a time


class Route(Protocol):
    """One kind of prediction: how its rows are read and its answer is written."""

    endpoint: str

    def read(self, loaded: Loaded, body: bytes) -> Ask:
        """The body, validated; in any thread. Raises PredictionError."""

    def batcher(self, loaded: Loaded, ask: Ask) -> Batcher:
        """Where its rows are queued."""

    def finish(self, exchange: "Exchange", answer: Answer) -> bytes:
        """The answer's body."""


@dataclass(frozen=True, slots=True)
class Target:
    """What a path names: a route, and the version it asks: a model's champion by its name, others
    by the addresses that the engine knows.
    """

    route: Route
    address: str


class Exchange:
    """A request that is being answered. Answered once, or cancelled."""

    __slots__ = (
        "_aside", "_call", "_deadline", "_lane", "_late", "_respond", "address", "body", "closed",
        "loaded", "method", "request_id", "route", "started", "wish",
    )  # fmt: skip

    def __init__(
        self, lane: Collaborators, target: Target, method: str, headers: Headers, respond: Respond
    ) -> None:
        self._lane = lane
        self._respond = respond
        self._call: Call | None = None
        self._deadline = inf
        self._late: asyncio.TimerHandle | None = None
        self._aside: Aside | None = None
        self.route = target.route
        self.address = target.address
        self.method = method
        self.request_id = lane.request_id(headers.get(b"x-request-id"))
        self.started = perf_counter()
        self.closed = False
        self.body = b""
        self.loaded: Loaded | None = None
        self.wish: tuple[str, ...] | None = None  # outputs the client named
        lane.meter.begin()

    def begin(self, headers: Headers, body: bytes, client: Client) -> None:
        """Who asks, in what format: then on to the model."""
        self.body = body
        try:
            require_json(headers.get(b"content-type"))
            coding = headers.get(b"content-encoding")
            given = headers.get(b"request-timeout")
            if given is not None:
                self._end_within(seconds_of(given))
            if coding is not None or len(body) > LARGE_BODY:
                self._weigh(coding)
            authorization = headers.get(b"authorization")
            if authorization is None:
                self._predict(ANONYMOUS)
            else:
                self._lane.authenticate(authorization, client, self._authenticated)
        except Exception as error:  # noqa: BLE001 - the data plane's boundary: problem() records
            self.fail(error)

    def _weigh(self, coding: bytes | None) -> None:
        """Unpack what is small, and set aside what would stop the loop, and with it everybody."""
        packed = None if coding is None else coding_of(coding)
        limit = self._lane.body_limit
        if packed is not None:
            small = unpacked_at_once(self.body, packed, limit)
        else:
            small = self.body if len(self.body) <= LARGE_BODY else None
        if small is None:
            self._aside = Aside(self.body, packed, limit, self._lane.room)
        self.body = small or b""

    def _end_within(self, seconds: float) -> None:
        """Of a deadline the batcher knows, too: what is late when its turn comes does not run."""
        self._deadline = monotonic() + seconds
        self._late = asyncio.get_running_loop().call_later(seconds, self._end_late)

    def _end_by_default(self, seconds: float) -> None:
        """By the model's deadline, of a request that has none of its own."""
        if seconds < inf and self._late is None:
            self._end_within(seconds)

    def _end_late(self) -> None:
        if self._call is not None:
            self._call.cancel()
        self.fail(DeadlineExceeded())

    def _authenticated(self, outcome: Caller | Exception) -> None:
        if self.closed:
            return
        try:
            if not isinstance(outcome, Caller):
                raise outcome
            self._predict(outcome)
        except Exception as error:  # noqa: BLE001 - the same boundary, reached later
            self.fail(error)

    def _predict(self, caller: Caller) -> None:
        try:
            loaded = self._lane.engine.live(self.address)
        except NotLoaded as absent:
            if not absent.audience.admits(caller):
                raise UnknownModel from None
            self._end_by_default(absent.deadline_s)
            self._lane.fetch(self.address, partial(self._fetched, caller=caller))
        else:
            self._ask(loaded, caller)

    def _fetched(self, outcome: Loaded | ServingError, *, caller: Caller) -> None:
        if self.closed:
            return
        try:
            if isinstance(outcome, ServingError):
                raise outcome
            self._ask(outcome, caller)
        except Exception as error:  # noqa: BLE001 - the same boundary, reached from the loader
            self.fail(error)

    def _ask(self, loaded: Loaded, caller: Caller) -> None:
        if not loaded.identity.audience.admits(caller):
            raise UnknownModel
        loaded.asked = True
        self.loaded = loaded
        if loaded.is_full and not loaded.cache_ttl_s:  # what is kept waits for nobody
            raise Overloaded
        self._end_by_default(loaded.deadline_s)
        if self._aside is None:
            self._queue(loaded, _read(self.route, loaded, self.body))
        else:
            self._aside.read(partial(_read, self.route, loaded), self._read)

    def _read(self, reading: "Future[Ask]") -> None:
        if self.closed:
            return
        try:
            assert self.loaded is not None  # the body was read for it
            self._queue(self.loaded, reading.result())
        except Exception as error:  # noqa: BLE001 - the same boundary, reached from a thread
            self.fail(error)

    def _queue(self, loaded: Loaded, ask: Ask) -> None:
        self.wish = ask.outputs
        batcher = self.route.batcher(loaded, ask)
        call = Call(ask.rows.inputs, ask.rows.count, self.deliver, deadline=self._deadline)
        self._call = call
        if ask.digest is None:
            batcher.submit(call)
        else:
            key = Key(loaded.cached_as, batcher.outputs, ask.digest)
            saved = self._lane.cache.submit(key, call, loaded.cache_ttl_s, batcher.submit)
            loaded.counts.look_up(found=saved)

    def deliver(self, outcome: Answer | Exception) -> None:
        """The batcher's answer, to the client's."""
        if self.closed:
            return
        if isinstance(outcome, Exception):
            self.fail(outcome)
            return
        assert self.loaded is not None  # it has answered
        started = perf_counter()
        try:
            body = self.route.finish(self, outcome)
        except Exception as error:  # noqa: BLE001 - an answer nobody can write is this caller's
            self.fail(error)
            return
        self.loaded.counts.encode.add(perf_counter() - started)
        headers = [
            (b"content-type", _JSON),
            (b"content-length", b"%d" % len(body)),
            (b"x-request-id", self.request_id.encode()),
            _NOSNIFF,
        ]
        self._close(200, headers, body)

    def fail(self, error: Exception) -> None:
        """Answer with a problem instead."""
        if not self.closed:
            if counts := self._counts():
                counts.refuse(error)
            self._close(*self._lane.problem(error, self.request_id))

    def cancel(self) -> None:
        """The client is gone: free its place in the queue."""
        if not self.closed:
            if self._call is not None:
                self._call.cancel()
            if counts := self._counts():
                counts.cancelled += 1
            self._let_go()
            self._count(success=False)

    def _counts(self) -> Counts | None:
        """Of the model it asks; None where there is no such model."""
        return self.loaded.counts if self.loaded else self._lane.engine.counts_at(self.address)

    @property
    def seconds(self) -> float:
        return perf_counter() - self.started

    def _close(self, status: int, headers: list[tuple[bytes, bytes]], body: bytes) -> None:
        self._let_go()
        self._count(success=status < 400)
        self._respond((status, headers, body))

    def _let_go(self) -> None:
        """It is over: nothing is done for it any more, and no cycle is left for a collector."""
        self.closed = True
        self._call = None
        self.body = b""  # whoever still holds the request holds no megabytes
        if self._late is not None:
            self._late.cancel()
        if self._aside is not None:
            self._aside.end()
            self._aside = None  # whose job knows this request, and thousands of rows

    def _count(self, *, success: bool) -> None:
        seconds = perf_counter() - self.started
        self._lane.meter.end(self.route.endpoint, self.method, success=success, seconds=seconds)


def _read(route: Route, loaded: Loaded, body: bytes) -> Ask:
    ask = route.read(loaded, body)
    if not loaded.cache_ttl_s:
        return ask
    digest = digest_of(loaded.signature, ask.rows.inputs, ask.rows.count)
    return msgspec.structs.replace(ask, digest=digest)
