"""Tells this service's other processes that something has changed, over the broker, at most once.

Nobody waits for a nudge and nobody may rely on it: who follows something reads it now and then
anyway. A broker that is away costs a thread of its own a second, and nobody else anything.
"""

import logging
import os
import threading
from collections.abc import Callable

from django.conf import settings
from redis import Redis, RedisError
from redis.backoff import NoBackoff
from redis.client import PubSub
from redis.retry import Retry

from jobs.preconditions import redis_py_url

log = logging.getLogger(__name__)
BOUND_S = 1.0  # of anything that is asked of the broker
PAUSE_S = 1.0  # after it did not answer


def _client() -> Redis:
    return Redis.from_url(
        redis_py_url(settings.CELERY_BROKER_URL),
        socket_timeout=BOUND_S,
        socket_connect_timeout=BOUND_S,
        retry=Retry(NoBackoff(), 0),
    )


def _channel(topic: str) -> str:
    return f"mlapi-nudge-{topic}"


class Nudger:
    """One thread a process, started by the first nudge. Of many for a topic, one goes out."""

    def __init__(self) -> None:
        self._forget()
        os.register_at_fork(after_in_child=self._forget)

    def _forget(self) -> None:
        """Threads do not survive a fork."""
        self._topics: set[str] = set()
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None

    def nudge(self, topic: str) -> None:
        """Returns at once, whatever the broker does."""
        with self._changed:
            self._topics.add(topic)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="nudges", daemon=True)
                self._thread.start()
            self._changed.notify()

    def _run(self) -> None:
        client = _client()
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._topics)
                topics, self._topics = self._topics, set()
            try:
                for topic in topics:
                    client.publish(_channel(topic), b"")
            except (RedisError, OSError) as error:
                log.debug("a nudge was not sent: %s", error)
                threading.Event().wait(PAUSE_S)


class Nudged:
    """Calls `then` in a thread of its own whenever somebody nudges for `topic`."""

    def __init__(self, topic: str, then: Callable[[], None]) -> None:
        self._topic = topic
        self._then = then
        self._over = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        self._over.clear()
        name = f"nudged-{self._topic}"
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def ask_to_stop(self) -> None:
        """It ends within BOUND_S."""
        self._over.set()

    def stop(self) -> None:
        self.ask_to_stop()
        if self._thread is not None:
            self._thread.join(2 * BOUND_S)

    def _run(self) -> None:
        while not self._over.is_set():
            try:
                with _client() as client, client.pubsub(ignore_subscribe_messages=True) as heard:
                    heard.subscribe(_channel(self._topic))
                    self._listen(heard)
            except (RedisError, OSError) as error:
                log.debug("nudges for %s are not heard: %s", self._topic, error)
                self._over.wait(PAUSE_S)

    def _listen(self, heard: PubSub) -> None:
        while not self._over.is_set():
            if heard.get_message(timeout=BOUND_S) is not None:
                self._then()


nudge = Nudger().nudge
