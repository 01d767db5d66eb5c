"""Compressed bodies of the lane: small ones on the loop, all others in the thread that reads."""

import asyncio

from predictions.errors import BodyTooLarge
from predictions.lane.exchange import readers
from predictions.protocols.encodings import Inflation

_SMALL = 16_000  # bytes that come, or what they become: a tenth of a millisecond


async def unpacked(body: bytes, coding: bytes, limit: int) -> bytes:
    """What `body` was before it was compressed. Raises BodyTooLarge and Malformed."""
    inflation = Inflation(coding)
    if len(body) <= _SMALL:
        found = inflation.unpack(body, _SMALL)
        if not inflation.more:
            inflation.end()
            return _within(found, limit)
        inflation = Inflation(coding)
    loop = asyncio.get_running_loop()
    return await loop.run_in_executor(readers, _whole, inflation, body, limit)


def _whole(inflation: Inflation, body: bytes, limit: int) -> bytes:
    found = _within(inflation.unpack(body, limit + 1), limit)
    inflation.end()
    return found


def _within(found: bytes, limit: int) -> bytes:
    if len(found) > limit:
        raise BodyTooLarge(limit)
    return found
