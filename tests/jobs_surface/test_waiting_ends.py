"""How waiting for a job ends other than by its change, and that it is counted once."""

import asyncio
import json
from collections.abc import Iterator

import pytest
from channels.layers import InMemoryChannelLayer
from django.contrib.auth.models import User
from django.core.asgi import get_asgi_application
from django.db import OperationalError
from django.test import AsyncClient
from redis.exceptions import ConnectionError as BrokerGone

from jobs import listening, waiting
from jobs.listening import Listening
from jobs.models import Job
from jobs.waiting import Message, Receive, Send, Waiting
from mlapi.observability import REQUESTS

pytestmark = pytest.mark.django_db(transaction=True)
WHOLE: Message = {"type": "http.request", "body": b""}
HUNG_UP: Message = {"type": "http.disconnect"}


class Answering:
    """Django's place: each answer in turn, the last one again and again."""

    def __init__(self, *answers: tuple[int, bytes]) -> None:
        self._answers = list(answers)
        self.asked = 0

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        await receive()
        await asyncio.sleep(0)  # others have their turn
        status, body = self._answers[min(self.asked, len(self._answers) - 1)]
        self.asked += 1
        await send({"type": "http.response.start", "status": status, "headers": []})
        await send({"type": "http.response.body", "body": body})


def shown(job: Job) -> tuple[int, bytes]:
    return 200, json.dumps({"state": job.state, "seq": job.seq}).encode()


async def asked(
    app: Waiting, job: Job, *messages: Message, headers: dict[str, str] | None = None
) -> list[Message]:
    """What a caller is sent who asks so and then stays, unless it says otherwise."""
    scope = {
        "type": "http", "method": "GET", "path": f"/api/v1/jobs/{job.pk}/",
        "query_string": b"wait=30", "http_version": "1.1",
        "headers": [(k.encode(), v.encode()) for k, v in (headers or {}).items()],
    }  # fmt: skip
    said: Iterator[Message] = iter(messages or (WHOLE,))
    sent: list[Message] = []

    async def receive() -> Message:
        for message in said:
            return message
        return await asyncio.get_running_loop().create_future()  # type: ignore[no-any-return]

    async def send(message: Message) -> None:
        sent.append(message)

    async with asyncio.timeout(30):
        await app(scope, receive, send)
    return sent


async def test_whoever_hangs_up_is_not_waited_for() -> None:
    job = await Job.objects.acreate(kind="predict_task")
    assert await asked(Waiting(Answering(shown(job))), job, WHOLE, HUNG_UP) == []


async def test_a_request_that_comes_in_two_messages_is_answered() -> None:
    job = await Job.objects.acreate(kind="predict_task", state="succeeded")
    first = {"type": "http.request", "body": b"{", "more_body": True}
    last = {"type": "http.request", "body": b"}"}
    sent = await asked(Waiting(Answering(shown(job))), job, first, last)
    assert [message["type"] for message in sent] == ["http.response.start", "http.response.body"]


async def test_a_database_that_is_lost_meanwhile_is_djangos_to_tell(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    job = await Job.objects.acreate(kind="predict_task")
    django = Answering(shown(job), (503, b'{"code": "database_unavailable"}'))

    def lost(**_: object) -> None:
        raise OperationalError("gone")

    monkeypatch.setattr(Job.objects, "filter", lost)
    sent = await asked(Waiting(django), job)
    assert (sent[0]["status"], django.asked) == (503, 2)


async def test_nobody_is_kept_waiting_by_a_server_that_stops() -> None:
    job = await Job.objects.acreate(kind="predict_task")
    sent = await asked(Waiting(Answering(shown(job)), is_ending=lambda: True), job)
    assert json.loads(sent[1]["body"])["state"] == "queued"


async def test_a_layer_that_fails_is_looked_past_and_not_asked_again_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Failing(InMemoryChannelLayer):  # type: ignore[misc]  # channels has no types
        asked = 0

        async def receive(self, channel: str) -> None:
            Failing.asked += 1
            raise BrokerGone

    monkeypatch.setattr(listening, "get_channel_layer", Failing)
    async with Listening("a") as hearing:
        silent = asyncio.ensure_future(hearing.anything())
        for _ in range(10):
            await asyncio.sleep(0)
        assert not silent.done()
        silent.cancel()
    assert Failing.asked == 1


async def test_a_caller_who_waits_is_counted_once(
    monkeypatch: pytest.MonkeyPatch, async_client: AsyncClient
) -> None:
    ann = await User.objects.acreate(username="ann", is_staff=True)
    job = await Job.objects.acreate(kind="predict_task", owner=ann)
    await async_client.aforce_login(ann)
    headers = {
        "host": "testserver",
        "cookie": async_client.cookies.output(header="", sep=";").strip(),
    }

    async def changed(*_: object) -> bool:
        return True

    monkeypatch.setattr(waiting, "_is_another", changed)
    counter = REQUESTS.labels("/api/v1/jobs/{job_id}", "success")
    before = counter._value.get()
    sent = await asked(Waiting(get_asgi_application()), job, headers=headers)
    assert sent[0]["status"] == 200, sent
    assert counter._value.get() - before == 1
