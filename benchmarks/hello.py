"""The transport's limit: the least an ASGI application can do to answer a small JSON."""

from collections.abc import Awaitable, Callable
from typing import Any

BODY = b'{"prediction":0,"duration_ms":0.01,"mode":"hello"}'
START = {
    "type": "http.response.start",
    "status": 200,
    "headers": [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(BODY))],
}
END = {"type": "http.response.body", "body": BODY}


async def application(
    scope: dict[str, Any],
    _receive: Callable[[], Awaitable[dict[str, Any]]],
    send: Callable[[dict[str, Any]], Awaitable[None]],
) -> None:
    if scope["type"] == "http":
        await send(START)
        await send(END)
