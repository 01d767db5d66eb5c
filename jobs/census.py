"""What the workers say that they run and hold for later, known within a bound.

Celery's own inspection waits its whole time for answers; here whoever has answered by the bound
is heard, and callers who ask within the same moment share one round of questions.
"""

import threading
from time import monotonic
from typing import Any, TypeAlias

from celery import current_app
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

Tasks: TypeAlias = dict[str, list[dict[str, Any]]]

REPLIES_WITHIN_S = 0.7
BOUND_S = 0.8
FRESH_FOR_S = 1.0
QUESTIONS = ("active", "scheduled")


class Census:
    """One round: the questions put at once, the answers by question and worker."""

    def __init__(self) -> None:
        self.begun = monotonic()
        self._answers: dict[str, Tasks] = {question: {} for question in QUESTIONS}
        self._threads = [
            threading.Thread(target=self._ask, args=(question,), daemon=True)
            for question in QUESTIONS
        ]
        for thread in self._threads:
            thread.start()

    def answers(self, question: str) -> Tasks:
        """Of those who have answered, waiting for the others until the bound."""
        for thread in self._threads:
            thread.join(max(self.begun + BOUND_S - monotonic(), 0.0))
        return dict(self._answers[question])

    def _ask(self, question: str) -> None:
        try:
            current_app.control.broadcast(
                question,
                reply=True,
                timeout=REPLIES_WITHIN_S,
                callback=self._answers[question].update,
            )
        except (OperationalError, RedisError, OSError):  # no broker, nobody to hear
            return


class Rounds:
    """One at a time, for however many ask."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._latest: Census | None = None

    def newest(self) -> Census:
        """A round that began no longer than FRESH_FOR_S ago."""
        with self._lock:
            if self._latest is None or monotonic() - self._latest.begun > FRESH_FOR_S:
                self._latest = Census()
            return self._latest


census = Rounds().newest
