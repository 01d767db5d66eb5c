"""Versions in memory: which stay, and which go when there is no room. Pure."""

from collections.abc import Callable, Iterator, Set
from dataclasses import dataclass
from time import monotonic
from typing import Generic, TypeVar

from predictions.serving.engine import Loaded

Origin = TypeVar("Origin")
NONE: Set[int] = frozenset()


@dataclass(slots=True)
class _Place(Generic[Origin]):
    origin: Origin
    loaded: Loaded
    size_bytes: int
    used_at: float


class Shelf(Generic[Origin]):
    """Keeps at most `budget_bytes` of them: the one that was asked longest ago goes first; and each
    for `idle_s` after it was asked last. The newest stays, however large it is.

    Those that are `kept` stay however long nobody asks, and those that are `pinned` in any case:
    both are ids of versions. `clock` gives seconds. One thread at a time.
    """

    def __init__(
        self, budget_bytes: int, *, idle_s: float, clock: Callable[[], float] = monotonic
    ) -> None:
        self._budget_bytes = budget_bytes
        self._idle_s = idle_s
        self._clock = clock
        self._places: dict[int, _Place[Origin]] = {}

    def get(self, version_id: int, origin: Origin) -> Loaded | None:
        """What was put there; None where it was made from something else."""
        place = self._places.get(version_id)
        if place is None or place.origin != origin:
            return None
        place.used_at = self._clock()
        return place.loaded

    def origins(self) -> Iterator[tuple[Origin, Loaded]]:
        """All that is there, and what it was made from; nobody has asked for it by this."""
        return iter([(place.origin, place.loaded) for place in self._places.values()])

    def put(self, version_id: int, origin: Origin, loaded: Loaded, size_bytes: int) -> None:
        self._places.pop(version_id, None)  # the newest comes last
        self._places[version_id] = _Place(origin, loaded, size_bytes, self._clock())

    def has_room(self, size_bytes: int) -> bool:
        """Whether it would fit beside all that is there."""
        return self._held() + size_bytes <= self._budget_bytes

    def make_room(self, size_bytes: int, *, pinned: Set[int] = NONE) -> list[Loaded]:
        """Takes away what has to go before so much more can be put there."""
        self._note_use()
        return self._crowded_out(size_bytes, stays=pinned)

    def sweep(self, *, pinned: Set[int] = NONE, kept: Set[int] = NONE) -> list[Loaded]:
        """Takes away what nobody has asked for lately, and what there is no room for."""
        self._note_use()
        newest = next(reversed(self._places), None)
        crowded = self._crowded_out(0, stays=pinned | ({newest} if newest is not None else NONE))
        return crowded + self._idle(stays=pinned | kept)

    def _note_use(self) -> None:
        now = self._clock()
        for place in self._places.values():
            if place.loaded.asked:
                place.loaded.asked, place.used_at = False, now

    def _crowded_out(self, more_bytes: int, *, stays: Set[int]) -> list[Loaded]:
        gone: list[Loaded] = []
        for version_id, place in sorted(self._places.items(), key=lambda item: item[1].used_at):
            if self._held() + more_bytes <= self._budget_bytes:
                break
            if version_id not in stays:
                del self._places[version_id]
                gone.append(place.loaded)
        return gone

    def _idle(self, *, stays: Set[int]) -> list[Loaded]:
        since = self._clock() - self._idle_s
        idle = [i for i, place in self._places.items() if place.used_at < since and i not in stays]
        return [self._places.pop(version_id).loaded for version_id in idle]

    def _held(self) -> int:
        return sum(place.size_bytes for place in self._places.values())
