"""PostgreSQL and Redis where they answer here: a database and a keyspace of one's own."""

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest
import redis

from jobs.preconditions import broker_fault

POSTGRES = "postgresql://postgres@127.0.0.1:5432"
REDIS = "redis://127.0.0.1:6379"


@contextmanager
def own_services(redis_database: int) -> Iterator[dict[str, str]]:
    """DATABASE_URL and REDIS_URL of services that are empty, and gone afterwards."""
    redis_url = f"{REDIS}/{redis_database}"
    if fault := broker_fault(redis_url):
        pytest.skip(fault)
    name = f"mlapi_{os.getpid()}_{secrets.token_hex(3)}"
    try:
        server = psycopg.connect(f"{POSTGRES}/postgres", autocommit=True, connect_timeout=2)
    except psycopg.OperationalError as error:
        pytest.skip(f"no PostgreSQL: {error}")
    with server, redis.Redis.from_url(redis_url) as keys:
        keys.flushdb()
        server.execute(f'CREATE DATABASE "{name}"')
        yield {"DATABASE_URL": f"{POSTGRES}/{name}", "REDIS_URL": redis_url}
        server.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
        keys.flushdb()
