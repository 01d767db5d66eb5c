"""What a worker does with messages that make no sense: count, one line in the log, go on.

They are looked at before Celery sees them: it stops its consumer over some, and logs others in
many lines.
"""

import logging
from collections.abc import Callable, Container
from typing import Any

from celery.worker.consumer import Consumer
from kombu import Connection, Message
from kombu.exceptions import KombuError
from kombu.transport import redis

from jobs.errors import Quarantined
from jobs.metrics import QUARANTINED

log = logging.getLogger(__name__)
LONGEST_NAME = 200
NONSENSE = (ValueError, TypeError, LookupError, AttributeError, RecursionError)


def quarantine(fault: Quarantined, *, task: object, message_id: object) -> None:
    QUARANTINED.labels(fault.reason).inc()
    named = ascii(task)[:LONGEST_NAME], ascii(message_id)[:LONGEST_NAME]
    log.warning("message set aside (%s): task %s, id %s: %s", fault.reason, *named, fault)


def check_message(message: Message, tasks: Container[str]) -> None:
    """Raises Quarantined for what no task of ours can be given."""
    headers = _headers(message)
    if not isinstance(headers.get("task"), str) or not isinstance(headers.get("id"), str):
        raise Quarantined("It is no message of Celery's protocol 2.", reason="malformed")
    if headers["task"] not in tasks:
        raise Quarantined("There is no task of this name.", reason="unknown_task")
    try:
        body = message.payload
    except (KombuError, *NONSENSE) as error:
        raise Quarantined("Its body is no JSON.", reason="malformed") from error
    if not _is_body(body):
        raise Quarantined("Its body is not [args, kwargs, options].", reason="malformed")


def _headers(message: Message) -> dict[str, object]:
    headers: object = message.headers
    return headers if isinstance(headers, dict) else {}


def _is_body(body: object) -> bool:
    return (
        isinstance(body, list)
        and len(body) == 3
        and isinstance(body[0], list)
        and isinstance(body[1], dict)
        and isinstance(body[2], dict | None)
    )


class Channel(redis.Channel):
    """What is in the queue and no message at all ends a worker, unless it is caught here.

    The loss of the broker ends a worker too where it has messages in hand: giving them back fails
    then, and so does acknowledging them after a reconnection, on a channel that is gone. Neither is
    needed: dispatch sends again what is missing, and a message too many finds its job taken.
    """

    do_restore = False

    def _brpop_read(self, **options: Any) -> object:
        try:
            return super()._brpop_read(**options)  # type: ignore[misc]  # stubs lack it
        except NONSENSE as error:
            fault = Quarantined(f"It is no message at all: {error!r}.", reason="malformed")
            quarantine(fault, task=None, message_id=None)
            return True

    def basic_ack(self, delivery_tag: str, multiple: bool = False) -> None:
        if self.connection is not None:
            super().basic_ack(delivery_tag, multiple=multiple)

    def basic_reject(self, delivery_tag: str, requeue: bool = False) -> None:
        if self.connection is not None:
            super().basic_reject(delivery_tag, requeue=requeue)


class Transport(redis.Transport):
    Channel = Channel


class QuarantiningConsumer(Consumer):
    """Celery's consumer behind `check_message`."""

    strategies: dict[str, object]  # the stubs know neither
    connection_errors: tuple[type[BaseException], ...]

    def ensure_connected(self, conn: Connection) -> Connection:
        # By name: the worker tells whoever asks of its connection, in JSON.
        conn.transport_cls = f"{__name__}:{Transport.__name__}"
        return super().ensure_connected(conn)

    def create_task_handler(self, *args: Any, **kwargs: Any) -> Callable[[Message], None]:
        accept = super().create_task_handler(*args, **kwargs)

        def on_message(message: Message) -> None:
            try:
                check_message(message, self.strategies)
                accept(message)
            except Quarantined as fault:
                self._set_aside(message, fault)
            except NONSENSE as error:
                self.on_invalid_task(None, message, error)

        return on_message

    def on_invalid_task(self, body: object, message: Message, exc: Exception) -> None:
        words = f"Its headers make no sense: {exc!r}."
        self._set_aside(message, Quarantined(words, reason="malformed"))

    def _set_aside(self, message: Message, fault: Quarantined) -> None:
        headers = _headers(message)
        quarantine(fault, task=headers.get("task"), message_id=headers.get("id"))
        message.reject_log_error(log, self.connection_errors)
