"""uvicorn's HTTP connections with the limits it has not: heads, pace, how many requests at once.

A request pays for a few comparisons. Time is kept by one sweep a process over all connections
instead of timers: who has to send has `receive_s` for a head, and must send a body at
SLOWEST bytes a second over any such time. Between requests uvicorn's own keep-alive timer counts.
"""

import asyncio
from functools import partial
from math import inf
from typing import Any, ClassVar, Final, Protocol

from httptools import HttpParserError, HttpParserUpgrade
from uvicorn._types import ASGI3Application, HTTPScope
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import (
    STATUS_LINE,
    HttpToolsProtocol,
    RequestResponseCycle,
)
from uvicorn.server import ServerState

from mlapi.limits import Limits, drain
from mlapi.pace import SWEEPS, Patience
from mlapi.reading import Reading
from mlapi.replies import refusing
from mlapi.sweeping import Swept, start_sweep
from mlapi.unwanted import NO_TRAILERS, Deaf
from mlapi.upgrades import parser_behind_head
from predictions.errors import Crowded, HeadersTooLarge, Malformed, PredictionError, TooSlow
from predictions.lane.asgi import given_id
from predictions.lane.collaborators import Reply

SLOWEST: Final = 1000  # bytes a second
SENDING: Final = SWEEPS - 2  # what is sent may have begun before the sweep that noticed
LAST_LOOK_S: Final = 0.1  # at the end: what has arrived by then may lie unread in the socket
PROBES: Final = (b"/livez", b"/readyz", b"/metrics")  # answered also when all places are taken
PLACES_OF_PROBES: Final = 16

# A super() on the path of every request costs as much as all that is done there.
_on_headers_complete = HttpToolsProtocol.on_headers_complete
_on_body = HttpToolsProtocol.on_body
_start_asgi_task = HttpToolsProtocol._start_asgi_task


class Refusal(Protocol):
    """What is answered for an error to who gave this request id."""

    def __call__(self, error: Exception, given_id: bytes | None) -> Reply: ...


class LimitedHttp(Swept, HttpToolsProtocol):
    """For `uvicorn --http`, as a subclass that knows its limits and how a refusal is written."""

    limits: ClassVar[Limits]
    refusal: ClassVar[Refusal]

    # Beside uvicorn's own attributes: with these its dictionary were too large for CPython's fast
    # paths.
    __slots__ = (
        "_fed", "_head", "_patience", "_piece", "_refused", "_running", "_stopping", "_whole_at",
    )  # fmt: skip

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._fed = 0  # bytes since the last head was whole, with the piece it ended in
        self._piece = 0  # bytes
        self._whole_at = 0  # `_fed` when something of a body came last
        self._refused: PredictionError | None = None
        self._stopping = drain.under_way
        self._running: RequestResponseCycle | None = None  # others may have come behind it
        self._head: object = None  # that is not whole, and began in an earlier piece
        self._patience = Patience()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.flow = Reading(transport, self.pipeline)
        start_sweep(self.server_state, self.loop, every_s=self.limits.receive_s / SWEEPS)

    def data_received(self, data: bytes) -> None:
        self._piece = size = len(data)
        self._fed += size
        if self.timeout_keep_alive_task is not None:
            self.timeout_keep_alive_task.cancel()
            self.timeout_keep_alive_task = None
        self._feed(data)
        if self._fed > self.limits.head_bytes:
            if self._is_inside_a_head():
                self._look_at_unfinished_head()
            elif self._fed - self._whole_at > self.limits.head_bytes:
                self._look_behind_body()

    def _feed(self, data: bytes) -> None:
        try:
            self.parser.feed_data(data)
        except HttpParserError:
            self.send_400_response("This is no HTTP request.")
        except HttpParserUpgrade as upgrade:
            self._upgrade(data[upgrade.args[0] :])

    def _upgrade(self, rest: bytes) -> None:
        """To WebSocket, or not at all; `rest` is what came behind the head."""
        if self._should_upgrade():
            self._become_a_socket()
        elif self._refused is not None:
            self._say_what_was_refused()
        else:
            self.parser, has_body = parser_behind_head(self, self.scope["headers"])
            self.headers = NO_TRAILERS
            if has_body:
                self.cycle.more_body = True
                self.cycle.message_event.clear()
            self._piece = len(rest)
            self._feed(rest)

    def _become_a_socket(self) -> None:
        if _is_over(self.cycle):
            self.handle_websocket_upgrade()
        else:  # its handshake would take the place of an answer
            self._close_behind(self.cycle)

    def on_body(self, body: bytes) -> None:
        self._whole_at = self._fed
        _on_body(self, body)

    def on_headers_complete(self) -> None:
        limits = self.limits
        if self._refused is not None:
            self._refused = None
        if self._fed > limits.head_bytes or len(self.headers) > limits.head_fields:
            self._refused = self._head_fault(self._head_bytes())
        if self._refused is None and len(self.tasks) >= limits.in_flight:
            self._refused = self._crowd_fault()
        self._fed = self._whole_at = self._piece  # its rest may be the next head's beginning
        if self._refused is None:
            _on_headers_complete(self)
        else:
            self._refuse(self._refused)
        if self._stopping and not _is_over(self.cycle):
            self.cycle.keep_alive = False
        if not self.parser.should_upgrade():  # else they are read once more
            self.headers = NO_TRAILERS

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        self._running = cycle
        _start_asgi_task(self, cycle, app)

    def connection_lost(self, exc: Exception | None) -> None:
        running = self._running
        if running is not None and not running.response_complete:
            running.disconnected = True
            running.message_event.set()
        super().connection_lost(exc)
        self.pipeline.clear()  # each request is a circle with its connection until it is answered
        self.cycle = self._running = None  # type: ignore[assignment]

    def shutdown(self) -> None:
        self._stopping = True
        self.loop.call_later(LAST_LOOK_S, super().shutdown)

    def _is_inside_a_head(self) -> bool:
        """Of a request that will be HTTP; what follows an upgrade is not ours."""
        if self.transport.is_closing() or self.transport.get_protocol() is not self:
            return False
        return _has_begun(self.scope, self.cycle)

    def _look_at_unfinished_head(self) -> None:
        if self._head is not self.scope:  # what came before it in this piece is not its
            self._head, self._fed = self.scope, self._head_bytes()
        fault = self._head_fault(self._fed)
        if fault is not None:
            self._end_with(fault)

    def _look_behind_body(self) -> None:
        """A chunk's extensions and the fields behind a body are bounded like a head."""
        if not _is_over(self.cycle) and self.cycle.more_body:
            self._end_with(HeadersTooLarge(self.limits.head_bytes, self.limits.head_fields))

    def _head_bytes(self) -> int:
        """Of what is known of the head: the request line without its method, names and values."""
        return len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)

    def _head_fault(self, size: int) -> PredictionError | None:
        most = self.limits
        if size <= most.head_bytes and len(self.headers) <= most.head_fields:
            return None
        return HeadersTooLarge(most.head_bytes, most.head_fields)

    def _crowd_fault(self) -> PredictionError | None:
        path = self.url.partition(b"?")[0].rstrip(b"/")
        spare = PLACES_OF_PROBES if path in PROBES else 0
        if len(self.tasks) < self.limits.in_flight + spare:
            return None
        return Crowded("As many requests as may be are being answered.")

    def _refuse(self, fault: PredictionError) -> None:
        """In the application's place, so that pipelined answers keep their order."""
        application, self.app = self.app, refusing(partial(self.refusal, fault))
        super().on_headers_complete()
        self.app = application
        if self.parser.should_upgrade():  # what follows is no HTTP
            self.cycle.keep_alive = False

    def _should_upgrade(self) -> bool:
        return self._refused is None and super()._should_upgrade()

    def _say_what_was_refused(self) -> None:
        if isinstance(self._refused, HeadersTooLarge):
            self.logger.warning("Invalid WebSocket handshake received: headers too large.")

    def look(self, sweep: int) -> None:
        """The sweep comes by: has it waited long enough?"""
        self._stopping = self._stopping or drain.under_way
        enough: float = SLOWEST * self.limits.receive_s
        if self.flow.write_paused or self.transport.is_closing():  # it waits for who does not read
            taken = -self.transport.get_write_buffer_size()
            if self._patience.is_over(sweep, self.flow, moved=taken, enough=enough, sweeps=SWEEPS):
                self.transport.abort()
        elif not self._waits():
            self._patience.rest()
        else:
            mark: object = self.cycle
            if _is_over(self.cycle):
                mark, enough = self.scope, inf  # a head, however fast it comes
            if self._patience.is_over(sweep, mark, moved=self._fed, enough=enough, sweeps=SENDING):
                self._end_with(TooSlow(self.limits.receive_s))

    def _waits(self) -> bool:
        """Whether it is for the client to send more of a request."""
        if self.timeout_keep_alive_task is not None:
            if not _has_begun(self.scope, self.cycle):
                return False
            self._unset_keepalive_if_required()  # a head began in the piece that ended a request
        if self.pipeline or self.flow.read_paused or self.transport.is_closing():
            return False
        return _is_over(self.cycle) or self.cycle.more_body

    def _end_with(self, fault: PredictionError) -> None:
        """The answer, where there is somebody to answer, behind those before it; then close."""
        cycle = self.cycle
        if _is_over(cycle):
            if self._is_inside_a_head():
                self._write(fault)
            self.transport.close()
        elif not cycle.more_body:
            self._close_behind(cycle)
        elif self.pipeline:
            cycle.more_body = False
            refused = refusing(partial(self.refusal, fault))
            self.pipeline[0] = (cycle, refused)  # type: ignore[assignment]
            self._close_behind(cycle)
        else:
            cycle.disconnected = True
            cycle.message_event.set()
            if not cycle.response_started:
                self._write(fault)
            self.transport.close()

    def _close_behind(self, cycle: RequestResponseCycle) -> None:
        """All up to it is answered; nothing that comes after it is read."""
        cycle.keep_alive = False
        self.parser = Deaf()  # type: ignore[assignment]

    def send_400_response(self, msg: str) -> None:
        if _is_over(self.cycle):
            self._write(Malformed(msg))
            self.transport.close()
        else:
            self._end_with(Malformed(msg))

    def _write(self, fault: PredictionError) -> None:
        status, headers, body = self.refusal(fault, given_id(_headers_of(self.scope)))
        lines = [*self.server_state.default_headers, *headers]
        fields = b"".join(b"%b: %b\r\n" % line for line in lines if line[0] != b"connection")
        self.transport.write(STATUS_LINE[status] + fields + b"connection: close\r\n\r\n" + body)


def _has_begun(scope: HTTPScope | None, cycle: RequestResponseCycle | None) -> bool:
    """Whether `scope`, of the newest request, is still being read: its cycle comes after it."""
    return scope is not None and (cycle is None or cycle.scope is not scope)


def _is_over(cycle: RequestResponseCycle | None) -> bool:
    return cycle is None or cycle.response_complete


def _headers_of(scope: HTTPScope | None) -> list[tuple[bytes, bytes]]:
    return [] if scope is None else list(scope["headers"])
