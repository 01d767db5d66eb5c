"""Answers of our HTTP connections: whole ones in one write, and applications that only answer.

What `send` does with two messages, uvicorn looks at header by header, as it must for applications
it does not know; the lane's own headers need no look.
"""

from collections.abc import Callable
from typing import Final

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, RequestResponseCycle

from predictions.lane.asgi import App, Message, Receive, Send, given_id, send_reply
from predictions.lane.collaborators import Reply

LARGEST: Final = 1 << 16  # bytes of a body; a larger one is not copied once more


def reply_at_once(cycle: RequestResponseCycle, reply: Reply) -> bool:
    """Whether the answer is written. Where it is not, `send` has to: what is no 200 may close the
    connection, a client that does not read is waited for, and an access log is `send`'s.

    `reply` has a content-length, and neither `connection` nor `date`.
    """
    status, headers, body = reply
    if status != 200 or len(body) > LARGEST or cycle.scope["method"] == "HEAD":
        return False
    if cycle.flow.write_paused or cycle.disconnected or cycle.response_started or cycle.access_log:
        return False
    parts = [STATUS_LINE[status]]
    for name, value in cycle.default_headers:
        parts += (name, b": ", value, b"\r\n")
    for name, value in headers:
        parts += (name, b": ", value, b"\r\n")
    parts += (b"\r\n" if cycle.keep_alive else b"connection: close\r\n\r\n", body)
    cycle.transport.write(b"".join(parts))
    cycle.waiting_for_100_continue = False
    cycle.response_started = cycle.response_complete = True
    cycle.message_event.set()
    if not cycle.keep_alive:
        cycle.transport.close()
    cycle.on_response()
    cycle.on_response = _nothing  # else a circle: connection, request, connection
    return True


def _nothing() -> None:
    """Is done behind an answer any more."""


def replying(reply: Reply) -> App:
    """An application that answers so, whoever asks."""

    async def answer(scope: Message, receive: Receive, send: Send) -> None:
        await send_reply(reply, send)

    return answer


def refusing(render: Callable[[bytes | None], Reply]) -> App:
    """An application that answers the one way, without looking at a body."""

    async def refuse(scope: Message, receive: Receive, send: Send) -> None:
        await send_reply(render(given_id(scope["headers"])), send)

    return refuse
