"""A caller who hangs up while waiting for a job: the waiting ends, and nothing is sent."""

import asyncio
import json

import pytest

from jobs.models import Job
from jobs.waiting import App, Message, Receive, Send, Waiting

pytestmark = pytest.mark.django_db(transaction=True)


def app_that_answers(job: Job) -> App:
    body = json.dumps({"state": job.state, "seq": job.seq}).encode()

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": body})

    return app


async def test_whoever_hangs_up_is_not_waited_for() -> None:
    job = await Job.objects.acreate(kind="predict_task")
    path = f"/api/v1/jobs/{job.pk}/"
    scope = {"type": "http", "method": "GET", "path": path, "query_string": b"wait=30"}
    messages = iter([{"type": "http.request", "body": b""}, {"type": "http.disconnect"}])
    sent: list[Message] = []

    async def receive() -> Message:
        return next(messages)

    async def send(message: Message) -> None:
        sent.append(message)

    async with asyncio.timeout(10):
        await Waiting(app_that_answers(job))(scope, receive, send)

    assert sent == []
