"""When a connection reads on."""

import asyncio
from collections.abc import Sized
from typing import Final

from uvicorn.protocols.http.flow_control import FlowControl

MOST_BEHIND: Final = 16  # requests that wait for their turn while more are read


class Reading(FlowControl):
    """Not on while many of the client's requests wait: each answer before them, and each look at a
    body, would read a piece with hundreds more, and those would soon be all that is in memory.
    """

    def __init__(self, transport: asyncio.Transport, waiting: Sized) -> None:
        super().__init__(transport)
        self._waiting = waiting

    def resume_reading(self) -> None:
        if self.read_paused and len(self._waiting) <= MOST_BEHIND:
            self.read_paused = False
            self._transport.resume_reading()
