"""A short 200 is one write, byte for byte the two of `send`; all others go by `send`."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from uvicorn.config import Config
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.server import ServerState

from mlapi.asgi import Http
from mlapi.replies import LARGEST, reply_at_once
from predictions.lane.asgi import Message, Receive, Send, send_reply
from predictions.lane.collaborators import Reply
from tests.process.transport import Written

ASKED = b"POST /x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{}"
HEADERS = [(b"content-type", b"application/json"), (b"content-length", b"4")]
SHORT: Reply = (200, HEADERS, b"true")
Attempt = Callable[[Message], Any]


async def answered(
    reply: Reply,
    *,
    at_once: bool,
    asked: bytes = ASKED,
    change: Callable[[Http], None] = lambda connection: None,
    access_log: bool = False,
) -> tuple[Written, list[bool]]:
    """What is written to who has `asked`, and whether it was at once, where that was tried."""
    told: list[bool] = []
    over = asyncio.Event()

    async def application(scope: Message, receive: Receive, send: Send) -> None:
        await receive()
        change(connection)
        if at_once:
            told.append(reply_at_once(connection.cycle, reply))
        if not connection.cycle.response_complete:
            FlowControl.resume_writing(connection.flow)
            await send_reply(reply, send)
        over.set()

    config = Config(application, lifespan="off", access_log=access_log)
    config.load()
    config.loaded_app = application
    state = ServerState()
    state.default_headers = [(b"date", b"today")]
    transport = Written()
    connection = Http(config, state, {}, asyncio.get_running_loop())
    connection.connection_made(transport)
    connection.data_received(asked)
    async with asyncio.timeout(30):
        await over.wait()
    closed = transport.closed
    connection.connection_lost(None)
    transport.closed = closed  # by the answer
    return transport, told


@pytest.mark.parametrize(
    "asked",
    [
        ASKED,
        ASKED.replace(b"1.1", b"1.0"),
        ASKED.replace(b"Host: ", b"Connection: close\r\nHost: "),
    ],
    ids=["kept alive", "an old protocol", "the last of its connection"],
)
async def test_one_write_says_what_two_would(asked: bytes) -> None:
    ours, told = await answered(SHORT, at_once=True, asked=asked)
    theirs, _ = await answered(SHORT, at_once=False, asked=asked)
    assert told == [True]
    assert len(ours.pieces) == 1
    assert len(theirs.pieces) == 2
    assert ours.pieces[0] == b"".join(theirs.pieces)
    assert ours.closed == theirs.closed == (asked != ASKED)


async def test_the_longest_that_is_written_at_once() -> None:
    for size, at_once in ((LARGEST, True), (LARGEST + 1, False)):
        reply = (200, [(b"content-length", b"%d" % size)], b"x" * size)
        written, told = await answered(reply, at_once=True)
        assert told == [at_once]
        assert b"".join(written.pieces).endswith(b"\r\n\r\n" + reply[2])


def stopped_reading(connection: Http) -> None:
    FlowControl.pause_writing(connection.flow)


async def test_whatever_needs_a_look_goes_by_send() -> None:
    problem = (413, [*HEADERS, (b"connection", b"close")], b"true")
    for reply, more in (
        (problem, {}),
        (SHORT, {"change": stopped_reading}),
        (SHORT, {"access_log": True}),
    ):
        written, told = await answered(reply, at_once=True, **more)  # type: ignore[arg-type]
        assert told == [False]
        assert b"".join(written.pieces).count(b"HTTP/1.1 ") == 1
        assert written.closed == (reply is problem)


async def test_nobody_is_answered_twice_nor_where_only_a_head_is_asked_for() -> None:
    again: list[bool] = []

    def answer_now(connection: Http) -> None:
        cycle = connection.cycle
        again.extend(reply_at_once(cycle, SHORT) for _ in range(2))

    written, told = await answered(SHORT, at_once=True, change=answer_now)
    assert (again, told) == ([True, False], [False])
    assert len(written.pieces) == 1


async def test_a_head_alone_goes_by_send() -> None:
    written, told = await answered(SHORT, at_once=True, asked=ASKED.replace(b"POST", b"HEAD"))
    assert told == [False]
    assert not b"".join(written.pieces).endswith(b"true")
