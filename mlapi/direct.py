"""Predictions answered inside the HTTP protocol: without an ASGI call, a task or a coroutine.

For requests that come whole or in a few small pieces, nearly all of them. Others take the way that
every server has, LaneDoor's; the answers are the same.
"""

import asyncio
from functools import partial
from typing import Any, ClassVar, Final

from uvicorn._types import ASGI3Application, HTTPScope
from uvicorn.config import Config
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle
from uvicorn.server import ServerState

from mlapi.connections import LimitedHttp
from mlapi.process import Process
from mlapi.replies import refusing, reply_at_once, replying
from predictions.errors import PredictionError
from predictions.lane.asgi import WATCH_AFTER_S, fields_of, joined
from predictions.lane.collaborators import Client, Headers, Reply
from predictions.lane.exchange import Exchange, Target
from predictions.lane.lane import Lane
from predictions.serving.errors import DeadlineExceeded

LARGEST: Final = 1 << 16  # bytes of a body; behind larger ones uvicorn stops reading
LARGEST_IN_PIECES: Final = 1 << 14  # bytes that wait for more; as many as a head may have

# A super() on the path of every request costs as much as all that is done there.
_data_received = LimitedHttp.data_received
_start_asgi_task = LimitedHttp._start_asgi_task


class DirectHttp(LimitedHttp):
    """As a subclass that knows the lane, and the process that has to have started."""

    lane: ClassVar[Lane]
    process: ClassVar[Process]
    pages_ask: ClassVar[bool] = False  # those of other origins: a layer marks the answers to them

    __slots__ = ("_asked", "_feeding")

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._asked: Asked | None = None  # what the lane answers, or will once it is whole
        self._feeding = False  # the parser may find more in the piece at hand

    def data_received(self, data: bytes) -> None:
        self._feeding = True
        _data_received(self, data)
        self._feeding = False
        if self._asked is not None:
            self._go_on()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        target = self._target(cycle, app)
        if target is None:
            _start_asgi_task(self, cycle, app)
            return
        self._running = cycle
        self._asked = asked = Asked(self, cycle, target)
        self.tasks.add(asked)  # type: ignore[arg-type]  # it counts, is waited for and cancelled
        if not self._feeding:  # one after the other from within each answer were a deep stack
            self.loop.call_soon(self._go_on)

    def _target(self, cycle: RequestResponseCycle, app: ASGI3Application) -> Target | None:
        """What it asks of the lane; None where that is for the application to find out."""
        in_its_place = app is not self.config.loaded_app
        if in_its_place or cycle.waiting_for_100_continue or not self.process.started:
            return None
        scope = cycle.scope
        if scope["method"] != "POST" or (self.pages_ask and _is_of_a_page(scope)):
            return None
        return self.lane.target(scope["path"])

    def _go_on(self) -> None:
        asked = self._asked
        if asked is None:
            return
        if not asked.begun:
            self._begin(asked)
        if self.pipeline and asked is self._asked and not asked.watched:
            asked.watched = True  # nobody reads on behind a request that waits for its turn
            self.loop.call_later(WATCH_AFTER_S, self.flow.resume_reading)

    def _begin(self, asked: "Asked") -> None:
        cycle = asked.cycle
        size, limit = len(cycle.body), self.lane.body_limit
        if cycle.more_body and size <= LARGEST_IN_PIECES and _whole(cycle) <= min(LARGEST, limit):
            return  # what comes next completes it, or the sweep ends it
        if cycle.more_body or size > LARGEST or size > limit:
            asked.leave()
            _start_asgi_task(self, cycle, self.app)
        else:
            asked.begin(self.lane)

    def client_of(self, scope: HTTPScope, headers: Headers) -> Client:
        """Who asks: as a trusted proxy says, by uvicorn's own rule, where there is one."""
        client, proxies = scope["client"], self.config.loaded_app
        if b"x-forwarded-for" not in headers or not isinstance(proxies, ProxyHeadersMiddleware):
            return client
        trusted = proxies.trusted_hosts
        if (client[0] if client else None) not in trusted:
            return client
        said = joined(scope["headers"], b"x-forwarded-for").decode("latin-1")
        host, port = trusted.get_trusted_client_address(said)
        if host:
            scope["client"] = (host, port)  # for an access log, too
        return scope["client"]

    def _end_with(self, fault: PredictionError) -> None:
        super()._end_with(fault)
        if self._asked is not None and self._asked.cycle.disconnected:
            self._asked.leave()  # the end of its connection may wait for who does not read

    def connection_lost(self, exc: Exception | None) -> None:
        if self._asked is not None:
            self._asked.leave()
        super().connection_lost(exc)


class Asked:
    """A request for the lane; one of the server's tasks until it is answered or left."""

    __slots__ = ("_exchange", "_protocol", "_target", "begun", "cycle", "watched")

    def __init__(self, protocol: DirectHttp, cycle: RequestResponseCycle, target: Target) -> None:
        self._protocol = protocol
        self._target = target
        self._exchange: Exchange | None = None
        self.cycle = cycle
        self.begun = False
        self.watched = False  # whether the client's leaving is noticed though others wait behind it

    def begin(self, lane: Lane) -> None:
        """Its body is whole."""
        self.begun = True
        cycle = self.cycle
        headers, body = fields_of(cycle.scope["headers"]), bytes(cycle.body)
        cycle.body.clear()  # a connection that goes on to wait would keep it
        client = self._protocol.client_of(cycle.scope, headers)
        try:
            exchange = lane.handle(self._target, "POST", headers, body, self._answer, client=client)
        except BaseException:  # it has no task that would end with it
            self._protocol.transport.abort()
            raise
        if not exchange.closed:
            self._exchange = exchange

    def _answer(self, reply: Reply) -> None:
        protocol = self._protocol
        self._let_go()
        if not reply_at_once(self.cycle, reply):
            _start_asgi_task(protocol, self.cycle, replying(reply))  # type: ignore[arg-type]

    def leave(self) -> None:
        """Nobody waits for an answer of this kind."""
        exchange = self._exchange
        self._let_go()
        if exchange is not None:
            exchange.cancel()

    def _let_go(self) -> None:
        """No circle is left for a collector."""
        self._exchange = None
        self._protocol._asked = None
        self._protocol.tasks.discard(self)

    def cancel(self, msg: str) -> None:
        """The server does not wait any longer: it goes through its tasks, and none may go now."""
        self._protocol.loop.call_soon(self._end_late)

    def _end_late(self) -> None:
        protocol, cycle = self._protocol, self.cycle
        if protocol._asked is self:
            self.leave()
            cycle.keep_alive = False
            late = refusing(partial(protocol.refusal, DeadlineExceeded()))
            _start_asgi_task(protocol, cycle, late)  # type: ignore[arg-type]


def _whole(cycle: RequestResponseCycle) -> int:
    """How long its body will be, as its head says; where that says nothing, what is there."""
    length = next((v for name, v in cycle.scope["headers"] if name == b"content-length"), None)
    return len(cycle.body) if length is None else int(length)  # of which the parser made sure


def _is_of_a_page(scope: HTTPScope) -> bool:
    return any(name == b"origin" for name, _ in scope["headers"])
