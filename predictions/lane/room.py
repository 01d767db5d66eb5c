"""The room that large bodies share, so that no number of connections can fill the memory."""

from threading import Lock

from predictions.errors import Crowded

_LARGEST_AT_ONCE = 32


class Room:
    """For that many bodies of the largest size, or more smaller ones, of all requests together."""

    __slots__ = ("left", "lock")

    def __init__(self, largest: int) -> None:
        self.left = _LARGEST_AT_ONCE * largest  # bytes
        self.lock = Lock()


class Share:
    """What one request has of the room. In any thread."""

    __slots__ = ("_is_over", "_room", "_size")

    def __init__(self, room: Room) -> None:
        self._room = room
        self._size = 0
        self._is_over = False

    def hold(self, size: int) -> None:
        """Have `size` bytes in all, before there are so many.

        Raises Crowded, also where the request is over: then nothing is to be done for it.
        """
        with self._room.lock:
            more = size - self._size
            if self._is_over or more > self._room.left:
                raise Crowded("As many large bodies as may be are being read.")
            self._room.left -= more
            self._size = size

    def end(self) -> None:
        """Give all of it back, for good."""
        with self._room.lock:
            self._room.left += self._size
            self._size = 0
            self._is_over = True
