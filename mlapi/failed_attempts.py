"""Who has failed to sign in too often of late, by key or by password: asked no more for a while.

Counted for each address a client comes from, and for what it tried: the first characters of a
key, or a user's name. In the memory of this process, which is bounded.
"""

import threading
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address
from math import inf
from time import monotonic

from knox.settings import CONSTANTS

from mlapi.errors import TooManyFailures

WITHIN_S = 60.0
MOST_SUBJECTS = 4_096
OF_ONE_CUSTOMER = 64  # bits of an IPv6 address: whoever has one has all that begin so


@dataclass(slots=True)
class Count:
    until: float
    failures: int = 0


class FailedAttempts:
    """Counts failures by subject, for a minute from each one's first. Any thread may ask."""

    def __init__(self, most: int, clock: Callable[[], float] = monotonic) -> None:
        self._most = most
        self._clock = clock
        self._counts: dict[str, Count] = {}  # the oldest first
        self._lock = threading.Lock()

    def refusal(self, subjects: Iterable[str]) -> TooManyFailures | None:
        """What to answer where one of them has failed too often: nobody looks any further."""
        now = self._clock()
        with self._lock:
            until = max(map(self._closed_until, subjects), default=-inf)
        return TooManyFailures(until - now) if until > now else None

    def note(self, subjects: Iterable[str]) -> None:
        """All of them have failed once more."""
        with self._lock:
            self._note(subjects, self._clock())

    def begin(self, subjects: Collection[str]) -> TooManyFailures | None:
        """As `refusal`; what may go on is noted as if it had failed, until `take_back`: of many
        that come at once, no more are looked at than may fail.
        """
        now = self._clock()
        with self._lock:
            until = max(map(self._closed_until, subjects), default=-inf)
            if until <= now:
                self._note(subjects, now)
        return TooManyFailures(until - now) if until > now else None

    def take_back(self, subjects: Iterable[str]) -> None:
        """What was begun has not failed."""
        with self._lock:
            for subject in subjects:
                if count := self._counts.get(subject):
                    count.failures = max(0, count.failures - 1)

    def _note(self, subjects: Iterable[str], now: float) -> None:
        self._forget(now)
        for subject in subjects:
            if subject not in self._counts:
                self._make_room()
                self._counts[subject] = Count(now + WITHIN_S)
            self._counts[subject].failures += 1

    def _closed_until(self, subject: str) -> float:
        count = self._counts.get(subject)
        return count.until if count is not None and count.failures >= self._most else -inf

    def _forget(self, now: float) -> None:
        """All end in the order in which they began."""
        while self._counts and next(iter(self._counts.values())).until <= now:
            del self._counts[next(iter(self._counts))]

    def _make_room(self) -> None:
        if len(self._counts) >= MOST_SUBJECTS:
            del self._counts[next(iter(self._counts))]


def of_key(address: str | None, token: bytes) -> list[str]:
    """Whose failure it is when this key opens nothing."""
    prefix = token[: CONSTANTS.TOKEN_KEY_LENGTH].decode("latin-1")
    return [*_of_address(address), f"key {prefix}"]


def of_login(address: str | None, username: str) -> list[str]:
    """Whose failure it is when this user's password is wrong."""
    return [*_of_address(address), f"user {username[:150]}"]


def _of_address(address: str | None) -> list[str]:
    """None: the client came by a Unix socket, or a proxy has not said from where."""
    if not address:
        return []
    try:
        parsed = ip_address(address)
    except ValueError:
        return [f"address {address[:64]}"]
    if not isinstance(parsed, IPv6Address):
        return [f"address {parsed}"]
    if parsed.ipv4_mapped is not None:
        return [f"address {parsed.ipv4_mapped}"]
    return [f"address {int(parsed) >> (128 - OF_ONE_CUSTOMER):x}::"]
