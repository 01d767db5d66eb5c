"""Messages that make no sense: each is counted and told in one line, and the worker goes on."""

import base64
import json
import uuid
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

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


SLOTS = 2  # of the house's worker
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
    "no tag": (message(headers("add_task"), BODY, delivery_tag=None), "no message at all"),
    "a number for a tag": (message(headers("add_task"), BODY, delivery_tag=5), "no sense"),
    "a list to reply to": (message(headers("add_task"), BODY, reply_to=[1]), "no sense"),
    "a list for an id's root": (message(headers("add_task", root_id=[1]), BODY), "no sense"),
    "a megabyte of id": (message(headers("add_task", id="x" * 1_000_000), BODY), "Its id is"),
    "an id of two lines": (message(headers("add_task", id="a\nb"), BODY), "Its id is"),
    "not compressed": (
        message(headers("add_task", compression="zlib"), BODY),
        "cannot be unpacked",
    ),
    "map": (message(headers("celery.map"), [["add_task", []], {}, {}]), "no task of this name"),
    "a callback": (message(headers("add_task"), [[], {}, {"callbacks": [{}]}]), "to follow"),
    "another option": (message(headers("add_task"), [[], {}, {"id": None}]), "to follow"),
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
        60,
        f"one line\n{workshop.log('worker')[-3000:]}",
    )
    line = [x for x in workshop.log("worker").splitlines() if "message set aside" in x][-1]
    assert any(part in line for part in word.split("|")), line
    job_id = workshop.submit("add_task", numbers=[1])
    assert workshop.wait_for(job_id, "succeeded")["attempt"] == 1
    assert "Traceback" not in workshop.log("worker")


def until_adopted(workshop: House, message_id: str) -> dict[str, Any]:
    """The succeeded job of a message that came without a row."""
    until(lambda: f"[{message_id}] succeeded" in workshop.log("worker"), 90, message_id)
    return workshop.wait_for(message_id, "succeeded")


LIMITS = ([1], ["a", "b"], ["60", "60"], 5, {"a": 1}, [0.001, 0.001])


@pytest.mark.parametrize("limits", LIMITS)
def test_a_producers_time_limits_change_nothing(
    workshop: House, broker: redis.Redis, limits: object
) -> None:
    ids = [str(uuid.uuid4()) for _ in range(2 * SLOTS)]
    for each in ids:
        known = headers("add_task", id=each, timelimit=limits)
        broker.lpush("celery", json.dumps(message(known, [[[1, 2]], {}, {}])))
    for each in ids:
        assert until_adopted(workshop, each)["attempt"] == 1
    assert workshop.processes["worker"].poll() is None


def test_what_cannot_be_given_to_a_child_takes_no_slot(
    workshop: House, broker: redis.Redis, tmp_path: Path
) -> None:
    nested = json.loads("[" * 800 + "]" * 800)  # read from JSON, and too deep to be pickled
    before = workshop.log("worker").count("message set aside")
    busy = [workshop.submit("file_task", folder=str(tmp_path), seconds=1.0) for _ in range(SLOTS)]
    for _ in range(2 * SLOTS):
        broker.lpush("celery", json.dumps(message(headers("add_task"), [[nested], {}, {}])))
    until(
        lambda: workshop.log("worker").count("message set aside") == before + 2 * SLOTS,
        60,
        "a line for each",
    )
    for job_id in [*busy, workshop.submit("add_task", numbers=[1])]:
        assert workshop.wait_for(job_id, "succeeded")["attempt"] == 1
    assert workshop.processes["worker"].poll() is None


def test_a_log_line_holds_nothing_of_a_producers_own_name_for_a_task(
    workshop: House, broker: redis.Redis
) -> None:
    known = headers("add_task", shadow="s\ncritical: forged")
    broker.lpush("celery", json.dumps(message(known, [[[1, 2]], {}, {}])))
    until_adopted(workshop, str(known["id"]))
    assert "forged" not in workshop.log("worker")


def test_an_acknowledgement_that_is_refused_harms_nobody(
    workshop: House, broker: redis.Redis, tmp_path: Path
) -> None:
    said = "did not take an acknowledgement"
    job_id = workshop.submit("file_task", folder=str(tmp_path), seconds=2.0)
    workshop.wait_for(job_id, "running")
    broker.execute_command("ACL SETUSER", "default", "-zrem")
    try:
        until(lambda: said in workshop.log("worker"), 60, "one line")
    finally:
        broker.execute_command("ACL SETUSER", "default", "+zrem")
    workshop.wait_for(job_id, "succeeded")
    again = workshop.submit("add_task", numbers=[1])
    assert workshop.wait_for(again, "succeeded")["attempt"] == 1
    assert workshop.processes["worker"].poll() is None


def test_a_message_of_a_job_that_is_gone_is_set_aside(workshop: House, broker: redis.Redis) -> None:
    gone = str(uuid.uuid4())
    broker.lpush("celery", json.dumps(message(headers("add_task", id=gone), [[gone], {}, {}])))
    until(lambda: f"id '{gone}': It has no row." in workshop.log("worker"), 60, "one line")


@pytest.mark.parametrize("raw", [b"garbage", b"[1, 2]", b'{"body": 1}', b"\xff\xfe"])
def test_what_is_no_message_at_all_harms_nobody(
    workshop: House, broker: redis.Redis, raw: bytes
) -> None:
    broker.lpush("celery", raw)
    job_id = workshop.submit("add_task", numbers=[1])
    assert workshop.wait_for(job_id, "succeeded")["attempt"] == 1
    assert workshop.processes["worker"].poll() is None
