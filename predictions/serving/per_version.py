"""What is made once for a loaded version, such as the decoder of its signature."""

from collections.abc import Callable
from typing import Generic, TypeVar, cast

from predictions.serving.engine import Loaded

Made = TypeVar("Made")


class PerVersion(Generic[Made]):
    """What a route makes once for a version. The version keeps it: both are gone together."""

    __slots__ = ("_make",)

    def __init__(self, make: Callable[[Loaded], Made]) -> None:
        self._make = make

    def of(self, loaded: Loaded) -> Made:
        try:
            return cast("Made", loaded.made[self])
        except KeyError:
            return cast("Made", loaded.made.setdefault(self, self._make(loaded)))
