"""A transport that goes nowhere."""

import asyncio
from typing import Any


class Written(asyncio.Transport):
    """What a connection has written."""

    def __init__(self, peer: tuple[str, int] | None = ("127.0.0.1", 1)) -> None:
        super().__init__({"peername": peer})
        self.pieces: list[bytes] = []
        self.untaken = 0  # bytes that its client does not read
        self.closed = False
        self.aborted = False

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        self._protocol = protocol

    def get_protocol(self) -> asyncio.BaseProtocol:
        return self._protocol

    def write(self, data: Any) -> None:
        self.pieces.append(bytes(data))

    def close(self) -> None:
        self.closed = True

    def abort(self) -> None:
        self.closed = self.aborted = True

    def get_write_buffer_size(self) -> int:
        return self.untaken

    def is_closing(self) -> bool:
        return self.closed

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...
