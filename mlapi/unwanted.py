"""What comes on a connection and is passed over."""

from typing import Final


class NoTrailers(list[tuple[bytes, bytes]]):
    """Where fields behind a body go: nowhere. They are no headers, though uvicorn adds them."""

    def append(self, field: tuple[bytes, bytes]) -> None:
        pass


NO_TRAILERS: Final = NoTrailers()


class Deaf:
    """A parser's stand-in where a connection answers what it has read, and then closes."""

    def feed_data(self, data: bytes) -> None:
        pass
