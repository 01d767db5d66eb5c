"""What a worker does with messages that make no sense: count, one line in the log, go on.

They are looked at before Celery sees them: it stops its consumer over some, and logs others in
many lines.
"""

import logging
from collections.abc import Callable, Container, Iterator
from contextlib import contextmanager
from typing import Any

from celery.worker import state
from celery.worker.consumer import Consumer
from celery.worker.request import Request
from kombu import Connection, Message
from kombu.exceptions import KombuError
from kombu.transport import redis
from redis import DataError, ResponseError

from jobs.errors import Quarantined
from jobs.metrics import FINISHED, QUARANTINED, count_from_zero

log = logging.getLogger(__name__)
LONGEST_NAME = 200
LONGEST_ID = 64
LONGEST_HEADER = 4096  # Celery itself ends the text of arguments at 1024
LONGEST_FAULT = 400
NONSENSE = (ValueError, TypeError, LookupError, AttributeError, RecursionError, OverflowError)

# Celery need not see the others: limits are the kind's, a job's name in the log is the task's.
HEADERS = {
    *("lang", "task", "id", "root_id", "parent_id", "eta", "expires", "ignore_result"),
    *("argsrepr", "kwargsrepr", "origin"),
}
PROPERTIES = ("delivery_tag", "reply_to", "correlation_id")
FOLLOW_UPS = {"callbacks", "errbacks", "chain", "chord"}


def quarantine(fault: Quarantined, *, task: object, message_id: object) -> None:
    QUARANTINED.labels(fault.reason).inc()
    named = ascii(task)[:LONGEST_NAME], ascii(message_id)[:LONGEST_NAME]
    told = str(fault)[:LONGEST_FAULT]
    log.warning("message set aside (%s): task %s, id %s: %s", fault.reason, *named, told)


def check_message(message: Message, tasks: Container[str]) -> None:
    """Raises Quarantined for what no task of ours can be given."""
    headers = _headers(message)
    if not isinstance(headers.get("task"), str) or not isinstance(headers.get("id"), str):
        raise Quarantined("It is no message of Celery's protocol 2.", reason="malformed")
    if headers["task"] not in tasks:
        raise Quarantined("There is no task of this name.", reason="unknown_task")
    if not _is_id(headers["id"]):
        raise Quarantined("Its id is too long or not printable.", reason="malformed")
    properties = [message.properties.get(name) for name in PROPERTIES]
    if not all(map(_is_plain, [*headers.values(), *properties])):
        raise Quarantined("Its headers make no sense.", reason="malformed")
    _check_body(message)


def _check_body(message: Message) -> None:
    try:
        body = message.payload
    except (KombuError, *NONSENSE) as error:
        raise Quarantined("Its body is no JSON.", reason="malformed") from error
    if not _is_body(body):
        raise Quarantined("Its body is not [args, kwargs, options].", reason="malformed")
    options = body[2] or {}
    if not options.keys() <= FOLLOW_UPS or any(options.values()):
        raise Quarantined("What is to follow a task is not done here.", reason="malformed")


def keep_known_headers(message: Message) -> None:
    if isinstance(message.headers, dict):
        message.headers = {k: v for k, v in message.headers.items() if k in HEADERS}


def _headers(message: Message) -> dict[str, object]:
    headers: object = message.headers
    return headers if isinstance(headers, dict) else {}


def _is_id(value: object) -> bool:
    return isinstance(value, str) and 0 < len(value) <= LONGEST_ID and value.isprintable()


def _is_plain(value: object) -> bool:
    short = isinstance(value, str) and len(value) <= LONGEST_HEADER
    return short or value is None or isinstance(value, bool)


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
        except (DataError, *NONSENSE) as error:
            fault = Quarantined(f"It is no message at all: {error!r}.", reason="malformed")
            quarantine(fault, task=None, message_id=None)
            return True

    def basic_ack(self, delivery_tag: str, multiple: bool = False) -> None:
        if self.connection is not None:
            with logged_if_refused():
                super().basic_ack(delivery_tag, multiple=multiple)

    def basic_reject(self, delivery_tag: str, requeue: bool = False) -> None:
        if self.connection is not None:
            with logged_if_refused():
                super().basic_reject(delivery_tag, requeue=requeue)


@contextmanager
def logged_if_refused() -> Iterator[None]:
    """A broker with a full disk takes no acknowledgement: the message comes again, and is
    found done."""
    try:
        yield
    except ResponseError as error:
        log.warning("the broker did not take an acknowledgement: %s", error)


class Transport(redis.Transport):
    Channel = Channel


class QuarantiningConsumer(Consumer):
    """Celery's consumer behind `check_message`."""

    strategies: dict[str, object]  # the stubs know neither
    connection_errors: tuple[type[BaseException], ...]
    controller: Any

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        count_from_zero(FINISHED, QUARANTINED)
        self._start = self.controller._process_task
        self.controller._process_task = self._start_or_set_aside

    def _start_or_set_aside(self, request: Request) -> None:
        """Celery keeps the slot of a task that cannot be given to a child."""
        try:
            self._start(request)
        except NONSENSE as error:
            state.task_ready(request)
            self.on_invalid_task(None, request.message, error)
            if self.controller.semaphore is not None:
                self.controller._quick_release()

    def ensure_connected(self, conn: Connection) -> Connection:
        # By name: the worker tells whoever asks of its connection, in JSON.
        conn.transport_cls = f"{__name__}:{Transport.__name__}"
        return super().ensure_connected(conn)

    def create_task_handler(self, *args: Any, **kwargs: Any) -> Callable[[Message], None]:
        accept = super().create_task_handler(*args, **kwargs)

        def on_message(message: Message) -> None:
            try:
                keep_known_headers(message)
                check_message(message, self.strategies)
                accept(message)
            except Quarantined as fault:
                self._set_aside(message, fault)
            except NONSENSE as error:
                self.on_invalid_task(None, message, error)

        return on_message

    def on_decode_error(self, message: Message, exc: Exception) -> None:
        self._set_aside(message, Quarantined("It cannot be unpacked.", reason="malformed"))

    def on_invalid_task(self, body: object, message: Message, exc: Exception) -> None:
        words = f"Its headers make no sense: {exc!r}."
        self._set_aside(message, Quarantined(words, reason="malformed"))

    def _set_aside(self, message: Message, fault: Quarantined) -> None:
        headers = _headers(message)
        quarantine(fault, task=headers.get("task"), message_id=headers.get("id"))
        message.reject_log_error(log, self.connection_errors)
