"""A serving process's beginning and end, for servers that announce them (lifespan) and others."""

import asyncio
import gc
import signal
import sys
import threading
from collections.abc import Callable
from types import FrameType
from typing import Final

from mlapi.limits import drain
from predictions.lane.asgi import App, Message, Receive, Send

# The lane's loop waits so long whenever a thread of Django's computes; Python's own 5 ms add up.
SWITCH_S: Final = 0.0002
# The whole heap is walked so rarely that no percentile of predictions feels it: what requests leave
# behind in cycles is young, and the two younger generations see to that. Predictions leave next to
# nothing: were the second one looked at more rarely, what Django leaves would stay for minutes.
COLLECTED_AFTER: Final = (2_000, 5, 400)
# Without a time to drain, too, what has arrived is taken: it may wait in the socket, unread.
ARRIVED_S: Final = 0.1


class Process:
    """Calls `start` before the first request is answered, `stop` when the server goes down.

    It tells HTTP from WebSockets too: a router between would cost every prediction a coroutine.
    `drain_s` are the seconds from SIGTERM to the server's own stop, for servers with a lifespan;
    `started` says whether all that answers need is there.
    """

    def __init__(
        self,
        http: App,
        sockets: App,
        *,
        start: Callable[[], None],
        stop: Callable[[], None],
        drain_s: float,
    ) -> None:
        self._http = http
        self._sockets = sockets
        self._drain_s = drain_s
        self._start = start
        self._stop = stop
        self.started = False

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
            return
        if not self.started:  # a server without lifespan
            await self._begin()
        app = self._http if scope["type"] == "http" else self._sockets
        await app(scope, receive, send)

    async def _begin(self) -> None:
        await asyncio.to_thread(self._start)
        gc.collect()
        gc.freeze()  # what is loaded stays: collections need not walk its 100,000 objects again
        gc.set_threshold(*COLLECTED_AFTER)
        sys.setswitchinterval(SWITCH_S)
        self.started = True

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        await receive()
        self._drain_on_sigterm()
        await self._begin()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await asyncio.to_thread(self._stop)
        await send({"type": "lifespan.shutdown.complete"})

    def _drain_on_sigterm(self) -> None:
        """Between SIGTERM and the server's own stop: not ready any more, but answering."""
        stop = signal.getsignal(signal.SIGTERM)
        on_main_thread = threading.current_thread() is threading.main_thread()
        if not on_main_thread or not callable(stop):
            return
        drain_s = max(self._drain_s, ARRIVED_S)
        loop = asyncio.get_running_loop()

        def begin(number: int, frame: FrameType | None) -> None:
            if drain.under_way:  # asked twice: at once
                stop(number, frame)
                return
            drain.under_way = True
            loop.call_soon_threadsafe(loop.call_later, drain_s, stop, number, None)

        signal.signal(signal.SIGTERM, begin)
