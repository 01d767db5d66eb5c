"""Messages that make no sense: each is counted and told in one line, and the worker goes on."""

import base64
import json
import uuid
from collections.abc import Iterator
from contextlib import closing

import pytest
import redis

from tests.jobs.house import House
from tests.running import until

pytestmark = [pytest.mark.stack, pytest.mark.timeout(180)]


@pytest.fixture
def broker(workshop: House) -> Iterator[redis.Redis]:
    with closing(redis.Redis.from_url(workshop.environment.redis_py_url)) as client:
        yield client


def message(headers: object, body: object, **properties: object) -> dict[str, object]:
    """As Celery puts it into the queue."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return {
        "body": base64.b64encode(raw).decode(),
        "content-encoding": "utf-8",
        "content-type": "application/json",
        "headers": headers,
        "properties": {
            "delivery_mode": 2,
            "delivery_tag": str(uuid.uuid4()),
            "delivery_info": {"exchange": "", "routing_key": "celery"},
            "body_encoding": "base64",
            **properties,
        },
    }


def headers(task: str, **more: object) -> dict[str, object]:
    return {"lang": "py", "task": task, "id": str(uuid.uuid4()), **more}


BODY: list[object] = [[], {}, {}]
STRANGE: dict[str, tuple[object, str]] = {
    "no headers": (message(None, BODY), "no message"),
    "headers are a list": (message([1], BODY), "no message"),
    "no id": (message({"task": "add_task"}, BODY), "protocol 2"),
    "unknown task": (message(headers("nobody\nknows"), BODY), "no task of this name"),
    "body is no JSON": (message(headers("add_task"), b"\xff{"), "body is no JSON"),
    "body is a number": (message(headers("add_task"), 5), "body is not"),
    "arguments are words": (message(headers("add_task"), ["a", "b", "c"]), "body is not"),
    "wrong eta": (message(headers("add_task", eta="soon"), BODY), "headers make no sense|eta"),
    "pickle": (
        {**message(headers("add_task"), BODY), "content-type": "application/x-python-serialize"},
        "body is no JSON|no row",
    ),
    "no row": (message(headers("file_task"), BODY), "no row"),
}


@pytest.mark.parametrize("name", STRANGE)
def test_it_is_set_aside_and_the_worker_goes_on(
    workshop: House, broker: redis.Redis, name: str
) -> None:
    strange, word = STRANGE[name]
    before = workshop.log("worker").count("message set aside")
    broker.lpush("celery", json.dumps(strange))
    until(
        lambda: workshop.log("worker").count("message set aside") > before,
        20,
        f"one line\n{workshop.log('worker')[-3000:]}",
    )
    line = [x for x in workshop.log("worker").splitlines() if "message set aside" in x][-1]
    assert any(part in line for part in word.split("|")), line
    job_id = workshop.submit("add_task", numbers=[1])
    assert workshop.wait_for(job_id, "succeeded")["attempt"] == 1
    assert "Traceback" not in workshop.log("worker")


def test_a_message_of_a_job_that_is_gone_is_set_aside(workshop: House, broker: redis.Redis) -> None:
    gone = str(uuid.uuid4())
    broker.lpush("celery", json.dumps(message(headers("add_task", id=gone), [[gone], {}, {}])))
    until(lambda: f"id '{gone}': It has no row." in workshop.log("worker"), 20, "one line")


@pytest.mark.parametrize("raw", [b"garbage", b"[1, 2]", b'{"body": 1}', b"\xff\xfe"])
def test_what_is_no_message_at_all_harms_nobody(
    workshop: House, broker: redis.Redis, raw: bytes
) -> None:
    broker.lpush("celery", raw)
    job_id = workshop.submit("add_task", numbers=[1])
    assert workshop.wait_for(job_id, "succeeded", within_s=40)["attempt"] == 1
    assert workshop.processes["worker"].poll() is None
