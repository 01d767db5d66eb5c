"""What is pushed over a real broker: nobody here looks at a row before an hour is over."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from channels.routing import URLRouter
from channels.testing import WebsocketCommunicator
from channels_redis.pubsub import RedisPubSubLoopLayer
from django.conf import LazySettings
from django.contrib.auth.models import User

from jobs import consumers, waiting
from jobs.consumers import SOCKETS_PER_USER, TOO_MANY, Following
from jobs.execution import claim
from jobs.models import Job
from jobs.routing import websocket_urlpatterns
from jobs.waiting import Message, Receive, Send, Waiting
from tests.jobs.house import House

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.stack]
PATIENCE_S = 30
AN_HOUR = 3600.0


@pytest.fixture
def broker(
    tmp_path: Path, settings: LazySettings, monkeypatch: pytest.MonkeyPatch
) -> Iterator[House]:
    """A Valkey that carries the pushes of this process, which looks at nothing by itself."""
    for module in (consumers, waiting):
        monkeypatch.setattr(module, "LOOK_EVERY_S", AN_HOUR)
    monkeypatch.setattr(waiting, "LONGEST_S", AN_HOUR)
    own = House(tmp_path / "var", {})
    (own.data_dir / "valkey").mkdir(parents=True)
    own.start_valkey()
    (layer,) = settings.CHANNEL_LAYERS.values()
    hosts = [{"address": own.environment.redis_py_url}]
    settings.CHANNEL_LAYERS = {"default": {**layer, "CONFIG": {"prefix": "mlapi", "hosts": hosts}}}
    yield own
    own.close()


@pytest.fixture
def ann() -> User:
    return User.objects.create_user("ann")


@pytest.fixture
def job(ann: User) -> Job:
    return Job.objects.create(kind="predict_task", owner=ann, seq=1)


def dial(path: str, user: User) -> WebsocketCommunicator:
    async def reload_user() -> User:
        return user

    socket = WebsocketCommunicator(URLRouter(websocket_urlpatterns), path)
    socket.scope |= {"user": user, "reload_user": reload_user}
    return socket


@asynccontextmanager
async def listening(path: str, user: User) -> AsyncIterator[WebsocketCommunicator]:
    """After the snapshot."""
    socket = dial(path, user)
    assert (await socket.connect(timeout=PATIENCE_S))[0]
    assert (await frame(socket))["type"] == "snapshot"
    yield socket
    await socket.disconnect(timeout=PATIENCE_S)


async def frame(socket: WebsocketCommunicator) -> dict[str, Any]:
    return await socket.receive_json_from(timeout=PATIENCE_S)  # type: ignore[no-any-return]


async def begin(job: Job) -> None:
    assert await sync_to_async(claim)(job, worker="w1")


async def test_a_push_tells_those_who_watch_the_list(broker: House, ann: User, job: Job) -> None:
    async with listening("/ws/jobs/", ann) as socket:
        await begin(job)
        told = await frame(socket)

    assert [one["state"] for one in told["jobs"]] == ["running"]


async def test_a_push_tells_those_who_watch_the_job(broker: House, ann: User, job: Job) -> None:
    async with listening(f"/ws/jobs/{job.pk}/", ann) as socket:
        await begin(job)
        told = await frame(socket)

    assert told["job"]["state"] == "running"
    assert "Started by w1" in told["events"][0]["message"]


@pytest.mark.parametrize("read_one_by_one", [200, 0])
async def test_a_job_that_leaves_the_list_is_told_to_those_who_have_seen_it_there(
    broker: House, ann: User, job: Job, monkeypatch: pytest.MonkeyPatch, read_one_by_one: int
) -> None:
    monkeypatch.setattr(consumers, "MOST_HEARD", read_one_by_one)
    async with listening("/ws/jobs/?state=queued", ann) as socket:
        await begin(job)
        told = await frame(socket)

    assert [(one["id"], one["state"]) for one in told["jobs"]] == [(str(job.pk), "running")]


async def test_a_push_answers_who_waits(broker: House, job: Job) -> None:
    answered = asyncio.Event()

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        now = await Job.objects.aget(pk=job.pk)
        body = json.dumps({"state": now.state, "seq": now.seq}).encode()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": body})
        answered.set()

    sent: list[Message] = []
    caller: asyncio.Queue[Message] = asyncio.Queue()
    caller.put_nowait({"type": "http.request", "body": b""})

    async def send(message: Message) -> None:
        sent.append(message)

    path = f"/api/v1/jobs/{job.pk}/"
    scope = {"type": "http", "method": "GET", "path": path, "query_string": b"wait=3000"}
    async with asyncio.timeout(PATIENCE_S):
        asking = asyncio.ensure_future(Waiting(app)(scope, caller.get, send))
        await answered.wait()  # from then on it waits
        await begin(job)
        await asking

    assert json.loads(sent[-1]["body"])["state"] == "running"


async def test_many_who_connect_at_once_get_no_more_than_the_sockets_there_are(
    broker: House, ann: User, job: Job
) -> None:
    sockets = [dial(f"/ws/jobs/{job.pk}/", ann) for _ in range(SOCKETS_PER_USER + 5)]
    await asyncio.gather(*(socket.connect(timeout=PATIENCE_S) for socket in sockets))
    words = [await socket.receive_output(PATIENCE_S) for socket in sockets]
    for socket in sockets:
        await socket.disconnect(timeout=PATIENCE_S)

    assert [word.get("code") for word in words].count(TOO_MANY) == 5
    assert [word["type"] for word in words].count("websocket.send") == SOCKETS_PER_USER
    assert Following.open_sockets[ann.pk] == 0


async def test_a_broker_that_went_away_keeps_no_socket_counted(
    broker: House, ann: User, job: Job
) -> None:
    async with listening(f"/ws/jobs/{job.pk}/", ann):
        assert Following.open_sockets[ann.pk] == 1
        broker.kill("valkey")
    assert Following.open_sockets[ann.pk] == 0


@pytest.mark.parametrize("path", ["/ws/jobs/", "/ws/jobs/{}/"])
async def test_a_socket_that_could_not_begin_is_not_counted(
    broker: House, ann: User, job: Job, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    async def goes_away(*_: object) -> None:
        raise ConnectionError("the broker went away")

    monkeypatch.setattr(RedisPubSubLoopLayer, "group_add", goes_away)
    socket = dial(path.format(job.pk), ann)
    await socket.connect(timeout=PATIENCE_S)
    with pytest.raises(ConnectionError):
        await socket.wait(PATIENCE_S)

    assert Following.open_sockets[ann.pk] == 0
