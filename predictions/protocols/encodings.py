"""Compressed bodies: gzip and deflate, never more of them unpacked than was asked for."""

import zlib

from predictions.errors import BodyTooLarge, Malformed, UnsupportedEncoding

ACCEPTED = "gzip, deflate"
_GZIP, _ZLIB, _RAW = 16 + zlib.MAX_WBITS, zlib.MAX_WBITS, -zlib.MAX_WBITS


def coding_of(given: bytes) -> bytes | None:
    """gzip or deflate; None where a body is as it is. Raises UnsupportedEncoding.

    `given` is Content-Encoding: of several lines, all of them with commas between (RFC 9110, 5.3).
    """
    coding = given.strip().lower()
    if coding in (b"", b"identity"):
        return None
    if coding in (b"gzip", b"x-gzip"):
        return b"gzip"
    if coding == b"deflate":
        return coding
    raise UnsupportedEncoding(f"Send bodies as they are, or in one of {ACCEPTED}.")


class Inflation:
    """One compressed body on its way back to what it was (RFC 1950, 1951, 1952).

    `more` says that what was given holds more bytes than were asked for.
    """

    __slots__ = ("_coding", "_inner", "more")

    def __init__(self, coding: bytes) -> None:
        self._coding = coding
        self._inner = zlib.decompressobj(_GZIP) if coding == b"gzip" else None
        self.more = False

    def unpack(self, data: bytes, most: int) -> bytes:
        """Up to `most` bytes of what is left of earlier data, and this. Raises Malformed."""
        if not data and not self.more:
            return b""
        if self._inner is None:
            self._inner = zlib.decompressobj(_deflate_of(data[0]))
        try:
            found = self._inner.decompress(self._inner.unconsumed_tail + data, most)
        except zlib.error:
            raise self._fault() from None
        if self._inner.unused_data:  # a second member, or what is none
            raise self._fault()
        self.more = len(found) == most and not self._inner.eof
        return found

    def end(self) -> None:
        """The last of the data was given. Raises Malformed where there is an end missing."""
        if self._inner is None or not self._inner.eof:
            raise self._fault()

    def _fault(self) -> Malformed:
        return Malformed(f"The body is not {self._coding.decode()}, as Content-Encoding says.")


def unpacked(body: bytes, coding: bytes, limit: int) -> bytes:
    """What `body` was before it was compressed. Raises BodyTooLarge and Malformed."""
    found = unpacked_up_to(limit + 1, body, coding, limit)
    if found is None:
        raise BodyTooLarge(limit)
    return found


def unpacked_up_to(most: int, body: bytes, coding: bytes, limit: int) -> bytes | None:
    """The same; None where it was `most` bytes or more."""
    inflation = Inflation(coding)
    found = inflation.unpack(body, most)
    if inflation.more:
        return None
    inflation.end()
    if len(found) > limit:
        raise BodyTooLarge(limit)
    return found


def _deflate_of(first: int) -> int:
    """HTTP means zlib's format by it; some clients send the bare stream, which begins otherwise."""
    return _ZLIB if first & 0x0F == zlib.DEFLATED else _RAW
