"""One timer a server, which comes by all of its connections, instead of one for each of them."""

import asyncio
from abc import ABC, abstractmethod
from weakref import WeakSet

from uvicorn.server import ServerState

swept: WeakSet[ServerState] = WeakSet()  # the servers whose sweep is under way


class Swept(ABC):
    """A connection that wants to be looked at; WebSockets do not."""

    __slots__ = ()

    @abstractmethod
    def look(self, sweep: int) -> None:
        """The sweep of this number comes by."""


def start_sweep(server: ServerState, loop: asyncio.AbstractEventLoop, *, every_s: float) -> None:
    """Look at every connection every `every_s` seconds while there are any; once a server.

    Sweeps are counted, not seconds: what arrived while the loop stood still has not been read.
    """
    if server not in swept:
        swept.add(server)
        _sweep(server, loop, every_s, 1)


def _sweep(
    server: ServerState, loop: asyncio.AbstractEventLoop, every_s: float, number: int
) -> None:
    if not server.connections:
        swept.discard(server)
        return
    loop.call_later(every_s, _sweep, server, loop, every_s, number + 1)
    for connection in list(server.connections):
        if isinstance(connection, Swept):
            connection.look(number)
