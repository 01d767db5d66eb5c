"""A thread that keeps something in memory in step with what is stored elsewhere."""

import logging
import threading
from collections.abc import Callable

log = logging.getLogger(__name__)
CLOSEST_S = 0.02  # between two reads, however many ask
STOP_WITHIN_S = 5.0  # a read that takes longer is left to the end of the process


class Follower:
    """Calls `read` every `interval_s`, and at once when somebody asks for news.

    `read` raises when its source does not answer; what was read last then stays in force, and
    `fault` says since the last attempt what was wrong.
    """

    def __init__(self, name: str, read: Callable[[], None], *, interval_s: float) -> None:
        self._name = name
        self._read = read
        self._interval_s = interval_s
        self._lock = threading.Lock()
        self._asked = threading.Event()
        self._stopping = threading.Event()
        self._waiting: list[Callable[[], None]] = []
        self._thread: threading.Thread | None = None
        self.fault: str | None = None
        self.has_read = False

    def start(self) -> None:
        """Start the thread, once for the process."""
        with self._lock:
            if self._thread is None:
                self._stopping.clear()
                self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
                self._thread.start()

    def ask_to_stop(self) -> None:
        """No read begins any more."""
        self._stopping.set()
        self._asked.set()

    def stop(self) -> None:
        """Let the thread finish what it is at, and wait for it a while."""
        self.ask_to_stop()
        with self._lock:
            thread, self._thread = self._thread, None
        if thread is not None:
            thread.join(STOP_WITHIN_S)

    def read_now(self) -> None:
        """Not only when the interval is over; returns at once."""
        self._asked.set()

    def after_next_read(self, then: Callable[[], None]) -> None:
        """Call `then` from the thread, after a read that begins now or later."""
        self.start()
        with self._lock:
            self._waiting.append(then)
        self._asked.set()

    def wait_for_read(self, timeout_s: float) -> bool:
        """Block until a read that begins now or later is over. False where that took too long."""
        over = threading.Event()
        self.after_next_read(over.set)
        return over.wait(timeout_s)

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._asked.clear()
            with self._lock:
                served, self._waiting = self._waiting, []
            self._read_once()
            for then in served:
                self._tell(then)
            if not self._stopping.wait(CLOSEST_S):
                self._asked.wait(self._interval_s)

    def _tell(self, then: Callable[[], None]) -> None:
        try:
            then()
        except RuntimeError:  # an event loop that was closed meanwhile: nobody waits there
            log.debug("%s: nobody to tell", self._name, exc_info=True)

    def _read_once(self) -> None:
        try:
            self._read()
        except BaseException as error:  # the thread's outermost frame: it must live, and it tells
            if self.fault is None:
                level = logging.WARNING if self.has_read else logging.INFO
                log.log(level, "%s: no answer, what is known stays: %s", self._name, error)
                log.debug("%s", self._name, exc_info=True)
            self.fault = f"{type(error).__name__}: {error}"
        else:
            if self.fault is not None:
                log.info("%s: answers again", self._name)
            self.fault = None
            self.has_read = True
