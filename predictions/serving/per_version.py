"""What is made once for a loaded version, such as the decoder of its signature."""

from collections.abc import Callable
from typing import Generic, TypeVar

from predictions.serving.engine import Loaded

Made = TypeVar("Made")


class PerVersion(Generic[Made]):
    """What a route makes once for a version and keeps until another one is live."""

    __slots__ = ("_kept", "_make")

    def __init__(self, make: Callable[[Loaded], Made]) -> None:
        self._make = make
        self._kept: dict[str, tuple[Loaded, Made]] = {}

    def of(self, loaded: Loaded) -> Made:
        kept = self._kept.get(loaded.identity.model)
        if kept is not None and kept[0] is loaded:
            return kept[1]
        made = self._make(loaded)
        self._kept[loaded.identity.model] = (loaded, made)
        return made
