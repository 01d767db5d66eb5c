"""Messages that the broker has lost are sent again, and no others."""

from collections.abc import Iterator
from contextlib import closing

import pytest
import redis

from tests.jobs.house import House, house
from tests.running import until

pytestmark = [pytest.mark.stack, pytest.mark.database, pytest.mark.timeout(180)]
PRIORITIES = (0, 3, 9)


@pytest.fixture
def queue(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A house without a worker: what is in the queue stays there."""
    with house(tmp_path_factory.mktemp("queue")) as made:
        yield made


def messages(broker: redis.Redis) -> dict[str, list[bytes]]:
    """By the queue's key."""
    keys = [key.decode() for key in broker.keys("celery*")]
    return {key: broker.lrange(key, 0, -1) for key in keys}


def count(broker: redis.Redis, job_id: str) -> int:
    found = messages(broker).values()
    return sum(f'"id": "{job_id}"'.encode() in raw for raws in found for raw in raws)


def lose(broker: redis.Redis, job_id: str) -> None:
    for key, raws in messages(broker).items():
        for raw in raws:
            if job_id.encode() in raw:
                broker.lrem(key, 0, raw)


def test_whatever_else_is_in_the_queue(queue: House) -> None:
    ids = [queue.submit("add_task", priority=priority, numbers=[1]) for priority in PRIORITIES * 40]
    cancelled = queue.submit("add_task", numbers=[1])
    queue.call("cancel", job_id=cancelled)
    with closing(redis.Redis.from_url(queue.environment.redis_py_url)) as broker:
        broker.lpush("celery", b"garbage", b"[1]", b'{"headers": {"id": 5}}', b"\xff")
        lost = ids[:3] + ids[-3:]
        for job_id in lost:
            lose(broker, job_id)
        assert [count(broker, job_id) for job_id in lost] == [0] * 6
        until(lambda: all(count(broker, job_id) for job_id in lost), 120, "all in the queue")
        assert [count(broker, job_id) for job_id in ids] == [1] * len(ids)
        assert count(broker, cancelled) == 1
