"""A database that takes no writes: messages that only the broker knows of wait for it."""

import json
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import psycopg
import pytest

from tests.jobs.house import House, house
from tests.running import BASE_DIR, until

pytestmark = [pytest.mark.stack, pytest.mark.database, pytest.mark.timeout(240)]
PRODUCER = str(BASE_DIR / "tests" / "kinds" / "producer.py")


@contextmanager
def database_away(hit: House) -> Iterator[None]:
    if hit.environment.embedded:
        path = hit.data_dir / "mlapi.sqlite3"
        with closing(sqlite3.connect(path, isolation_level=None, timeout=60)) as locked:
            locked.execute("BEGIN IMMEDIATE")
            yield
        return
    server, _, name = hit.services["DATABASE_URL"].rpartition("/")
    with psycopg.connect(f"{server}/postgres", autocommit=True) as database:
        database.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false')
        database.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name]
        )
        yield
        database.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true')


def test_direct_messages_wait_for_it_and_all_are_answered(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    with house(tmp_path_factory.mktemp("flooded")) as flooded:
        flooded.start_worker()
        before = flooded.log("worker").count("goes back to the queue")
        with database_away(flooded):
            producer = send(flooded.environment.broker_url, 20)
            until(
                lambda: flooded.log("worker").count("goes back to the queue") > before + 1,
                120,
                f"messages to go back\n{flooded.log('worker')[-3000:]}",
            )
        answers = json.loads(producer.communicate(timeout=200)[0])
        assert [answer.get("result") for answer in answers] == [
            {"sum": number, "status": "completed"} for number in range(20)
        ]
        jobs = [flooded.call("job", job_id=answer["id"]) for answer in answers]
        assert {(job["state"], job["origin"], job["attempt"]) for job in jobs} == {
            ("succeeded", "direct", 1)
        }


def send(url: str, count: int) -> "subprocess.Popen[str]":
    calls = [["add_task", [[number]], {}, None] for number in range(count)]
    producer = subprocess.Popen(
        [sys.executable, "-I", PRODUCER, url, url],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path("/"),
    )
    assert producer.stdin is not None
    producer.stdin.write(json.dumps(calls))
    producer.stdin.close()
    producer.stdin = None
    return producer
