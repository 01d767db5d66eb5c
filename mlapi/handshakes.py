"""uvicorn's WebSockets, and an answer where a handshake is no valid one.

uvicorn looks for errors in frames alone: without this, a request that websockets cannot read (a
long path, too many headers, a body) is neither answered nor closed, whoever sent it.
"""

from http import HTTPStatus

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol


class AnsweredHandshakes(WebSocketsSansIOProtocol):
    """For `uvicorn --ws`. The request is whole when it comes here: nothing waits for its rest."""

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self.conn.handshake_exc is not None and not self.transport.is_closing():
            self._refuse()

    def handle_parser_exception(self) -> None:
        """A broken frame. One sent before we let it in has no close frame to be answered with."""
        if self.conn.close_sent is None:
            self.transport.close()
        else:
            super().handle_parser_exception()

    def _refuse(self) -> None:
        self.logger.warning("Invalid WebSocket handshake received.")
        queued = b"".join(self.conn.data_to_send())  # 414 or 431; nothing for other errors
        refusal = self.conn.reject(HTTPStatus.BAD_REQUEST, "This is no WebSocket handshake.\n")
        self.transport.write(queued or refusal.serialize())
        self.handshake_complete = self.close_sent = True  # a shutdown has nothing to add
        self.transport.close()
