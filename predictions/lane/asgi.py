"""The lane's door for any ASGI server: reads the body, waits for the answer, watches the client."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any, TypeAlias

from predictions.errors import BodyTooLarge, PredictionError
from predictions.lane.collaborators import Reply
from predictions.lane.exchange import Exchange
from predictions.lane.lane import Lane
from predictions.lane.room import Room, Share

Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
App: TypeAlias = Callable[[Message, Receive, Send], Awaitable[None]]

WATCH_AFTER_S = 0.02  # most answers come before it is worth watching for the client's leaving
_LINGER_S = 2.0  # how long a refused body is read on, so that its sender sees the refusal
_LINGER_BYTES = 64_000_000


class ClientGone(Exception):
    """The client hung up before its body was whole."""


class Mailbox:
    """Where the answer arrives; a future is made only for those who have to wait for it."""

    __slots__ = ("_waiter", "reply")

    def __init__(self) -> None:
        self.reply: Reply | None = None
        self._waiter: asyncio.Future[None] | None = None

    def put(self, reply: Reply) -> None:
        self.reply = reply
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def arrival(self) -> asyncio.Future[None]:
        self._waiter = asyncio.get_running_loop().create_future()
        return self._waiter


class LaneDoor:
    """Requests for the lane's paths go to the lane, all others to `app`."""

    def __init__(self, lane: Lane, app: App) -> None:
        self._lane = lane
        self._app = app

    # One coroutine: each that is awaited costs every request.
    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        target = self._lane.target(scope["path"]) if scope["type"] == "http" else None
        if target is None:
            await self._app(scope, receive, send)
            return
        headers = fields_of(scope["headers"])
        mailbox = Mailbox()
        try:
            body = await read_body(receive, headers, self._lane.body_limit, self._lane.room)
        except ClientGone:
            return
        except PredictionError as fault:
            self._lane.refuse(target, scope["method"], headers, fault, mailbox.put)
        else:
            exchange = self._lane.handle(
                target, scope["method"], headers, body, mailbox.put, client=scope.get("client")
            )
            del body  # the exchange knows how long it is needed
            if mailbox.reply is None:
                await _wait(exchange, mailbox, receive)
        if mailbox.reply is not None:
            await send_reply(mailbox.reply, send)


def fields_of(lines: Iterable[tuple[bytes, bytes]]) -> dict[bytes, bytes]:
    """The lines of a head as the lane takes them: of a name that comes again the last."""
    fields = dict(lines)
    if b"content-encoding" in fields:  # of two lines the first counts as much
        fields[b"content-encoding"] = joined(lines, b"content-encoding")
    return fields


def joined(headers: Iterable[tuple[bytes, bytes]], wanted: bytes) -> bytes:
    """What all lines of this name say, as one."""
    return b",".join(value for name, value in headers if name == wanted)


def given_id(headers: Iterable[tuple[bytes, bytes]]) -> bytes | None:
    """The client's own id of its request."""
    return next((value for name, value in headers if name == b"x-request-id"), None)


async def send_reply(reply: Reply, send: Send) -> None:
    status, headers, body = reply
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def _wait(exchange: Exchange, mailbox: Mailbox, receive: Receive) -> None:
    """Until the answer is there, or the client is gone: then its rows need not run."""
    try:
        await asyncio.sleep(0)  # a cheap batch has run when this turn of the loop is over
        if mailbox.reply is None:
            await _arrival_or_disconnect(mailbox.arrival(), receive)
    finally:
        if mailbox.reply is None:
            exchange.cancel()


async def _arrival_or_disconnect(arrival: asyncio.Future[None], receive: Receive) -> None:
    """A task watches, once the answer is not there in a while."""
    watching: list[asyncio.Task[None]] = []

    async def watch() -> None:
        await receive()  # the body is read: all that can come is the disconnect
        if not arrival.done():
            arrival.set_result(None)

    timer = asyncio.get_running_loop().call_later(
        WATCH_AFTER_S, lambda: watching.append(asyncio.ensure_future(watch()))
    )
    try:
        await arrival
    finally:
        timer.cancel()
        for task in watching:
            task.cancel()


async def read_body(receive: Receive, headers: dict[bytes, bytes], limit: int, room: Room) -> bytes:
    """The whole body, its bytes counted as they come.

    Raises BodyTooLarge, Crowded or ClientGone.
    """
    declared = headers.get(b"content-length", b"")
    if declared.isdigit() and (len(declared) > 18 or int(declared) > limit):
        if b"expect" not in headers:  # a client that asks first has sent nothing yet
            await linger(receive)
        raise BodyTooLarge(limit)
    message = await receive()
    if message["type"] == "http.request" and not message.get("more_body"):
        body: bytes = message.get("body", b"")
        if len(body) <= limit:
            return body
    return await _read_on(message, receive, limit, room)


async def _read_on(message: Message, receive: Receive, limit: int, room: Room) -> bytes:
    parts: list[bytes] = []
    size = 0
    share = Share(room)
    try:
        while True:
            if message["type"] != "http.request":
                raise ClientGone
            parts.append(message.get("body", b""))
            size += len(parts[-1])
            share.hold(size)
            if size > limit:
                if message.get("more_body"):
                    await linger(receive)
                raise BodyTooLarge(limit)
            if not message.get("more_body"):
                return b"".join(parts)
            message = await receive()
    finally:
        share.end()


async def linger(receive: Receive) -> None:
    """Read a refused body on for a while: a connection closed on unread bytes loses the answer."""
    size = 0
    try:
        async with asyncio.timeout(_LINGER_S):
            while size <= _LINGER_BYTES:
                message = await receive()
                size += len(message.get("body", b""))
                if message["type"] != "http.request" or not message.get("more_body"):
                    return
    except TimeoutError:
        return
