"""Loads versions that somebody waits for, in a thread of its own: each once, however many wait."""

import logging
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeAlias

from predictions.serving.engine import Loaded
from predictions.serving.errors import NotReady, Overloaded, ServingError

log = logging.getLogger(__name__)
Then: TypeAlias = Callable[[Loaded | ServingError], None]
MOST_WAITING: Final = 1024  # for one address: each holds the body of a request


class Loader:
    """`load` gives the version at an address, after seconds perhaps, or raises ServingError."""

    def __init__(self, load: Callable[[str], Loaded]) -> None:
        self._load = load
        self._lock = threading.Lock()
        self._waiting: dict[str, list[Then]] = {}
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="loading")

    def fetch(self, address: str, then: Then) -> None:
        """Calls `then` from another thread with the version at `address`, or with what is wrong.

        At once, and from this thread, where too many wait already.
        """
        with self._lock:
            waiting = self._waiting.setdefault(address, [])
            room = len(waiting) < MOST_WAITING
            if room:
                waiting.append(then)
            begin = len(waiting) == 1 and room
        if not room:
            then(Overloaded())
        elif begin:
            self._thread.submit(self._tell, address)

    def _tell(self, address: str) -> None:
        outcome = self._outcome(address)
        with self._lock:
            waiting = self._waiting.pop(address)
        for then in waiting:
            try:
                then(outcome)
            except RuntimeError:  # an event loop that was closed meanwhile: nobody waits there
                log.debug("nobody to tell of %s", address, exc_info=True)

    def _outcome(self, address: str) -> Loaded | ServingError:
        try:
            return self._load(address)
        except ServingError as error:
            return error
        except Exception:  # the thread's outermost frame: whoever waits is told
            log.exception("%s was not loaded", address)
            return NotReady()
