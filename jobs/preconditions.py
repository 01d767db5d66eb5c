"""What work needs before it can run: a broker and a migrated database that answer, soon.

Each check returns None, or one line for a person that says what to start or set.
"""

import queue
import threading
from collections.abc import Callable
from contextlib import closing
from urllib.parse import parse_qs, urlsplit

from django.core.exceptions import ImproperlyConfigured
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from redis import Redis, RedisError
from redis.backoff import NoBackoff
from redis.retry import Retry

BOUND_S = 2.0
NO_ANSWER = "no answer"


def broker_fault(url: str, *, bound_s: float = BOUND_S) -> str | None:
    """Why the broker at `url` (Celery's spelling) cannot be used, known within `bound_s`."""
    reason = _bounded(lambda: _ping(url, bound_s), bound_s)
    if reason is None:
        return None
    if urlsplit(url).scheme == "redis+socket":
        return (
            f"the embedded broker does not answer ({reason}): start `manage.py up`, "
            "or set REDIS_URL to a Redis or Valkey of yours."
        )
    return (
        f"REDIS_URL {without_password(url)} does not answer ({reason}): start that server, "
        "or correct REDIS_URL."
    )


def database_fault(*, bound_s: float = BOUND_S) -> str | None:
    """Why the database cannot be reached, known within `bound_s` (plus Django's imports)."""
    reason = _bounded(lambda: _connect(bound_s), bound_s)
    if reason is None:
        return None
    settings = connection.settings_dict
    place = f"{settings['NAME']} at {settings['HOST'] or 'the local socket'}"
    if connection.vendor == "sqlite":
        place = str(settings["NAME"])
    return (
        f"the database {place} does not answer ({reason}): start that server, "
        "or correct DATABASE_URL."
    )


def migration_fault() -> str | None:
    """Whether the tables are those of this code."""
    executor = MigrationExecutor(connection)
    if not executor.migration_plan(executor.loader.graph.leaf_nodes()):
        return None
    return "the database is not up to date: run `manage.py migrate`, or start `manage.py up`."


def first_fault(broker_url: str) -> str | None:
    """The first of the three that is wrong."""
    return broker_fault(broker_url) or database_fault() or migration_fault()


def without_password(url: str) -> str:
    userinfo, at, place = urlsplit(url).netloc.rpartition("@")
    user, colon, password = userinfo.partition(":")
    shown = f"{user}{colon}{'***' if password else ''}{at}{place}"
    return url.replace(f"{userinfo}{at}{place}", shown, 1) if at else url


def _ping(url: str, bound_s: float) -> str | None:
    once = Retry(NoBackoff(), 0)
    try:
        with closing(
            Redis.from_url(
                redis_py_url(url),
                socket_timeout=bound_s,
                socket_connect_timeout=bound_s,
                retry=once,
            )
        ) as client:
            client.ping()
    except (RedisError, ValueError, OSError) as error:
        return _first_line(error)
    return None


def redis_py_url(url: str) -> str:
    """Celery's address of the broker in redis-py's spelling."""
    parts = urlsplit(url)
    if parts.scheme != "redis+socket":
        return url
    return f"unix://{parts.path}?db={parse_qs(parts.query).get('virtual_host', ['0'])[0]}"


def _connect(bound_s: float) -> str | None:
    """A connection of our own: the pool would wait much longer before it says anything."""
    driver = connection.Database  # type: ignore[attr-defined]  # every wrapper has it
    try:
        options = connection.get_connection_params()
        if connection.vendor == "postgresql":
            options["connect_timeout"] = max(2, int(bound_s))
        with closing(driver.connect(**options)) as session:
            session.execute("SELECT 1")
    except (driver.Error, ImproperlyConfigured) as error:
        return _first_line(error)
    return None


def _bounded(check: Callable[[], str | None], bound_s: float) -> str | None:
    """The check's answer, or NO_ANSWER: looking up a host's name has no time limit of its own."""
    answers: queue.SimpleQueue[str | None] = queue.SimpleQueue()
    threading.Thread(target=lambda: answers.put(check()), daemon=True).start()
    try:
        return answers.get(timeout=bound_s + 0.5)
    except queue.Empty:
        return NO_ANSWER


def _first_line(error: BaseException) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__).strip().rstrip(".")
