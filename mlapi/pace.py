"""How long a client may take to send something, or to read it."""

from math import inf
from typing import Final

SWEEPS: Final = 30  # within the time that a client has


class Patience:
    """With one client, in sweeps: whether it has moved too little for too long."""

    __slots__ = ("_moved", "_since", "_waited_for")

    def __init__(self) -> None:
        self._waited_for: object = None
        self._since = 0  # the sweep since which it has not moved enough; 0: nothing is waited for
        self._moved = 0

    def rest(self) -> None:
        """Nothing is waited for."""
        self._waited_for, self._since = None, 0

    def is_over(
        self, sweep: int, waited_for: object, *, moved: int, enough: float = inf, sweeps: int
    ) -> bool:
        """At this sweep: whether fewer than `enough` bytes have moved for so many `sweeps`.

        `moved` counts them, from any number on, for as long as the same is waited for.
        """
        if not self._since or waited_for is not self._waited_for or moved - self._moved >= enough:
            self._waited_for, self._since, self._moved = waited_for, sweep, moved
            return False
        return sweep - self._since >= sweeps
