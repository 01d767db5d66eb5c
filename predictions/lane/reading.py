"""Bodies that would stop the loop, large or compressed: one thread unpacks and reads them.

One job does both, so that there is one unpacked body at a time, however many wait for their turn.
"""

import asyncio
import gc
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

import msgspec

from predictions.lane.room import Room, Share
from predictions.protocols.encodings import unpacked, unpacked_up_to
from predictions.protocols.rows import RequestRows

_SMALL = 16_000  # bytes that come, or what they become: a tenth of a millisecond
readers = ThreadPoolExecutor(1, thread_name_prefix="reading")


class Ask(msgspec.Struct, frozen=True, gc=False):
    """What a body asks for: rows, and outputs where it names any.

    `digest` is the rows' own, where the answer may be kept.
    """

    rows: RequestRows
    outputs: tuple[str, ...] | None = None
    digest: bytes | None = None


def unpacked_at_once(body: bytes, coding: bytes, limit: int) -> bytes | None:
    """What a small body was before; None where that takes long. Raises BodyTooLarge, Malformed."""
    return unpacked_up_to(_SMALL, body, coding, limit) if len(body) <= _SMALL else None


class Aside:
    """A body set aside for the readers' thread, with its share of the room until `end`."""

    __slots__ = ("_body", "_coding", "_job", "_limit", "_share")

    def __init__(self, body: bytes, coding: bytes | None, limit: int, room: Room) -> None:
        """Raises Crowded."""
        self._body = body
        self._coding = coding
        self._limit = limit
        self._job: Future[Ask] | None = None
        self._share = Share(room)
        self._share.hold(len(body))

    def read(self, work: Callable[[bytes], Ask], then: Callable[[Future[Ask]], None]) -> None:
        """Have `work` done with the body as it was before; `then` is called on the loop."""
        loop = asyncio.get_running_loop()
        self._job = job = readers.submit(self._done, work)
        job.add_done_callback(lambda done: loop.call_soon_threadsafe(then, done))

    def end(self) -> None:
        """It is over: what waits is not read any more, and takes no room."""
        self._share.end()
        self._body = b""  # a cancelled job stays in the queue until its turn
        if self._job is not None:
            self._job.cancel()
            self._job = None

    def _done(self, work: Callable[[bytes], Ask]) -> Ask:
        """Without collections: they walk a million rows again and again, which takes five times as
        long as reading them, and everybody waits.
        """
        gc.disable()
        try:
            return work(self._whole())
        finally:
            gc.enable()

    def _whole(self) -> bytes:
        """The body as it was before it was compressed; its rows keep its room."""
        body, self._body = self._body, b""
        if self._coding is None:
            return body
        self._share.hold(len(body) + self._limit)
        found = unpacked(body, self._coding, self._limit)
        self._share.hold(len(found))
        return found
