"""Offers to go on in another protocol, such as Java's of h2c: passed over (RFC 9110, 7.8).

httptools leaves such a request behind its head, its body unread. A new parser is brought to the
same place by a head that says no more than how long the body is.
"""

from collections.abc import Iterable

from httptools import HttpRequestParser
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

FRAMING = frozenset({b"content-length", b"transfer-encoding"})


class BehindHead:
    """Tells `protocol` what a parser finds once `listens` is set."""

    __slots__ = ("_protocol", "listens")

    def __init__(self, protocol: HttpToolsProtocol) -> None:
        self._protocol = protocol
        self.listens = False

    def on_message_begin(self) -> None:
        if self.listens:
            self._protocol.on_message_begin()

    def on_url(self, url: bytes) -> None:
        if self.listens:
            self._protocol.on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        if self.listens:
            self._protocol.on_header(name, value)

    def on_headers_complete(self) -> None:
        if self.listens:
            self._protocol.on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self._protocol.on_body(body)

    def on_message_complete(self) -> None:
        if self.listens:
            self._protocol.on_message_complete()


def parser_behind_head(
    protocol: HttpToolsProtocol, headers: Iterable[tuple[bytes, bytes]]
) -> tuple[HttpRequestParser, bool]:
    """For what follows those headers, and whether that begins with a body."""
    framing = [(name, value) for name, value in headers if name in FRAMING]
    lines = b"".join(b"%b: %b\r\n" % line for line in framing)
    ears = BehindHead(protocol)
    parser = HttpRequestParser(ears)
    parser.feed_data(b"POST / HTTP/1.1\r\n%b\r\n" % lines)
    ears.listens = True
    return parser, any(value != b"0" for _, value in framing)
