"""Callers of one server process, in an order that the server is known to have seen."""

import asyncio
import json
from collections.abc import AsyncIterator, Coroutine, Sequence
from contextlib import asynccontextmanager
from typing import Any

from benchmarks.caller import Caller, Reply

OTHER = "/api/v1/models/iris/predict", b'{"rows": [[5.1, 3.5, 1.4, 0.2]]}'
WITHIN_S = 60.0


def path_of(model: str) -> str:
    return f"/api/v1/models/{model}/predict"


def body_of(*rows: Sequence[object], **more: object) -> bytes:
    return json.dumps({"rows": rows, **more}).encode()


@asynccontextmanager
async def connected(url: str, count: int) -> AsyncIterator[list[Caller]]:
    """Callers whose connections the server has taken."""
    callers = [Caller(url) for _ in range(count)]
    try:
        for caller in callers:
            assert (await caller.ask(*OTHER)).status == 200
        yield callers
    finally:
        for caller in callers:
            caller.leave()


async def seen(url: str) -> None:
    """The server has read what was sent to it before this, and another turn of its loop is over."""
    async with connected(url, 1) as [another]:
        assert (await another.ask(*OTHER)).status == 200


async def sent(
    caller: Caller, model: str, *rows: Sequence[object], within_s: float | None = None
) -> "asyncio.Task[Reply]":
    """The answer to come to rows that are on their way; `within_s` is Request-Timeout."""
    headers = {} if within_s is None else {"request-timeout": f"{within_s:g}"}
    await caller.send(path_of(model), body_of(*rows), headers)
    return awaited(caller.answer())


def awaited(coming: Coroutine[Any, Any, Reply]) -> "asyncio.Task[Reply]":
    async def bounded() -> Reply:
        async with asyncio.timeout(WITHIN_S):
            return await coming

    return asyncio.ensure_future(bounded())


def predictions(reply: Reply) -> object:
    """Of an answer that must be one."""
    assert reply.status == 200, reply
    return json.loads(reply.body)["predictions"]


def fault(reply: Reply) -> tuple[int, str]:
    """Status and code of a refusal."""
    return reply.status, json.loads(reply.body)["code"]
