"""Runs the database tests once more, on PostgreSQL and Redis, where both answer on this machine.

Under CI=true a machine that has their clients must have the servers too.
"""

import os
import shutil
import subprocess
import sys

import psycopg
import redis

SERVER_URL = "postgres://postgres@127.0.0.1:5432"
DATABASE_URL = f"{SERVER_URL}/test"
REDIS_URL = "redis://127.0.0.1:6379/1"  # the next tester's is /2, and so on
CLIENTS = ("psql", "redis-cli")
PATIENCE_S = 2


def main() -> int:
    faults = [fault for fault in (database_fault(), redis_fault()) if fault]
    if not faults:
        return run()
    demanded = os.environ.get("CI") == "true" and all(map(shutil.which, CLIENTS))
    wanted = "they must answer here" if demanded else "skipped: nothing else needs them"
    print(f"database tests on PostgreSQL and Redis: {'; '.join(faults)}; {wanted}")
    return 1 if demanded else 0


def run() -> int:
    # pytest-django makes test_NAME and drops it: a name of our own, should another run be under way
    database_url = f"{SERVER_URL}/mlapi_{os.getpid()}"
    print(f"database tests once more, on {database_url} and {REDIS_URL}", flush=True)
    services = {"MLAPI_TEST_DATABASE_URL": database_url, "MLAPI_TEST_REDIS_URL": REDIS_URL}
    words = [sys.executable, "-m", "pytest", "-m", "database", *sys.argv[1:]]
    return subprocess.run(words, env={**os.environ, **services}, check=False).returncode


def database_fault() -> str | None:
    try:
        psycopg.connect(DATABASE_URL, connect_timeout=PATIENCE_S).close()
    except psycopg.Error as error:
        return f"no PostgreSQL ({str(error).splitlines()[0]})"
    return None


def redis_fault() -> str | None:
    client = redis.Redis.from_url(
        REDIS_URL, socket_timeout=PATIENCE_S, socket_connect_timeout=PATIENCE_S
    )
    try:
        client.ping()
    except redis.RedisError as error:
        return f"no Redis ({error})"
    finally:
        client.close()
    return None


if __name__ == "__main__":
    sys.exit(main())
