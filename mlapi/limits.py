"""Limits as plain values, no transport: what a request may cost before it is refused."""

JSON_BYTES = 10_000_000  # of a JSON body, counted on the wire


class Drain:
    """Whether this process is on its way out: it still answers, and asks for no new requests."""

    __slots__ = ("under_way",)

    def __init__(self) -> None:
        self.under_way = False


drain = Drain()  # the process's one


class ByteBudget:
    """Counts a body's bytes as they come."""

    __slots__ = ("left", "limit")

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.left = limit

    def spend(self, size: int) -> bool:
        """Take `size` bytes; False when they were not there any more."""
        self.left -= size
        return self.left >= 0
