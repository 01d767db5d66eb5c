"""Bodies on their way to Django: counted as they come, unpacked where they are compressed."""

import asyncio
from collections.abc import Iterable

from mlapi.limits import ByteBudget
from predictions.errors import Malformed
from predictions.lane.asgi import Message, Receive
from predictions.protocols.encodings import Inflation

PIECE = 128 * 1024  # bytes that are unpacked before others have their turn: 0.3 ms
OF_THE_PACKED = frozenset({b"content-encoding", b"content-length", b"transfer-encoding"})


class Refused(Exception):
    """A body is not taken; `answer` is why."""

    def __init__(self, answer: Exception) -> None:
        self.answer = answer


class CountedBody:
    """Hands on what `receive` gives. Raises Refused with `excess` after `most` bytes."""

    def __init__(self, receive: Receive, most: int, excess: Exception) -> None:
        self._receive = receive
        self._budget = ByteBudget(most)
        self._excess = excess
        self.whole = False

    async def receive(self) -> Message:
        message = await self._receive()
        if message["type"] == "http.request":
            self.whole = not message.get("more_body", False)
            self._spend(message.get("body", b""))
        return message

    def _spend(self, piece: bytes) -> None:
        if not self._budget.spend(len(piece)):
            raise Refused(self._excess)


class UnpackedBody(CountedBody):
    """Hands on what a compressed body was before, a piece at a time, and counts that."""

    def __init__(self, receive: Receive, most: int, excess: Exception, coding: bytes) -> None:
        super().__init__(receive, most, excess)
        self._inflation = Inflation(coding)
        self._is_empty = True

    async def receive(self) -> Message:
        if self._inflation.more:
            await asyncio.sleep(0)
            message: Message = {"type": "http.request", "more_body": not self.whole}
        else:
            message = await self._receive()
        if message["type"] != "http.request":
            return message
        self.whole = not message.get("more_body", False)
        piece = self._unpacked(message.get("body", b""))
        self._spend(piece)
        return {**message, "body": piece, "more_body": self._inflation.more or not self.whole}

    def _unpacked(self, data: bytes) -> bytes:
        self._is_empty = self._is_empty and not data
        try:
            piece = self._inflation.unpack(data, PIECE)
            if self.whole and not (self._inflation.more or self._is_empty):
                self._inflation.end()
        except Malformed as fault:
            raise Refused(fault) from None
        return piece


def headers_unpacked(headers: Iterable[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """What is left of them to say once a body is unpacked."""
    return [(name, value) for name, value in headers if name not in OF_THE_PACKED]
