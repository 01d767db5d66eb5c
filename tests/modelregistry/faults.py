"""The N-th call into the operating system meets with a fault."""

import fcntl
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

CALLS = [
    *((os, name) for name in ("open", "close", "fsync", "mkdir", "replace", "unlink")),
    *((Path, name) for name in ("open", "mkdir", "replace", "unlink", "is_dir")),
    (tempfile, "mkstemp"),
    (fcntl, "flock"),
]


class NthCall:
    """Once installed, counts the calls; instead of the N-th does `deed`, which raises or kills."""

    def __init__(self, number: int, deed: Callable[[], None]) -> None:
        self._left = number
        self._deed = deed

    @property
    def came(self) -> bool:
        return self._left <= 0

    def install(self, patch: Callable[[Any, str, Any], None]) -> None:
        for place, name in CALLS:
            patch(place, name, self._counted(getattr(place, name)))

    def _counted(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*args: Any, **kwargs: Any) -> Any:
            self._left -= 1
            if self._left == 0:
                self._deed()
            return call(*args, **kwargs)

        return counted
