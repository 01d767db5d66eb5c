"""Versions that were loaded because somebody asked: for how long they stay in memory. Pure."""

from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic
from typing import Generic, TypeVar

from predictions.serving.engine import Loaded

Origin = TypeVar("Origin")


@dataclass(slots=True)
class _Place(Generic[Origin]):
    origin: Origin
    loaded: Loaded
    size_bytes: int
    used_at: float


class Shelf(Generic[Origin]):
    """Keeps each for `idle_s` after it was asked last, and at most `budget_bytes` of them: the one
    that was asked longest ago goes first. The newest stays, however large it is.

    `clock` gives seconds. One thread at a time.
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

    def has(self, version_id: int, origin: Origin, loaded: Loaded) -> bool:
        """Whether that is there, made from that; nobody has asked for it by this."""
        place = self._places.get(version_id)
        return place is not None and place.loaded is loaded and place.origin == origin

    def put(self, version_id: int, origin: Origin, loaded: Loaded, size_bytes: int) -> None:
        self._places.pop(version_id, None)  # the newest comes last
        self._places[version_id] = _Place(origin, loaded, size_bytes, self._clock())

    def sweep(self) -> list[Loaded]:
        """Takes away what nobody has asked for lately, and what there is no room for."""
        now = self._clock()
        for place in self._places.values():
            if place.loaded.asked:
                place.loaded.asked, place.used_at = False, now
        oldest_first = sorted(self._places.items(), key=lambda item: item[1].used_at)
        held = sum(place.size_bytes for place in self._places.values())
        gone = []
        for version_id, place in oldest_first:
            crowded = held > self._budget_bytes and len(self._places) > 1
            if crowded or now - place.used_at > self._idle_s:
                del self._places[version_id]
                held -= place.size_bytes
                gone.append(place.loaded)
        return gone
