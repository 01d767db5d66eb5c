"""The ASGI layer that lets pages of listed origins read answers, the lane's and refusals included.

Preflights are Django's, by django-cors-headers, and so are the headers of its own answers; both go
by mlapi/origins.py. Without listed origins this layer is not there.
"""

from collections.abc import Awaitable, Iterable

from mlapi.origins import CROSS_ORIGIN, EXPOSED_HEADERS
from predictions.lane.asgi import App, Message, Receive, Send

Headers = list[tuple[bytes, bytes]]
VARY = (b"vary", b"origin")
EXPOSE = (b"access-control-expose-headers", ", ".join(EXPOSED_HEADERS).encode())


class CrossOrigin:
    """`app` answers everybody, `django` the preflights of any path."""

    def __init__(self, app: App, django: App, origins: Iterable[str]) -> None:
        self._app = app
        self._django = django
        self._told: dict[bytes, Headers] = {
            origin.encode(): [VARY, (b"access-control-allow-origin", origin.encode()), EXPOSE]
            for origin in origins
        }

    # No coroutine: who asks from no page pays for a look at the headers.
    def __call__(self, scope: Message, receive: Receive, send: Send) -> Awaitable[None]:
        origin = next((value for name, value in scope["headers"] if name == b"origin"), None)
        if origin is None or not CROSS_ORIGIN.match(scope["path"]):
            return self._app(scope, receive, send)
        if scope["method"] == "OPTIONS" and _is_preflight(scope):
            return self._django(scope, receive, send)
        told = self._told.get(origin, [VARY])
        return self._app(scope, receive, _adding(told, send))


def _is_preflight(scope: Message) -> bool:
    return any(name == b"access-control-request-method" for name, _ in scope["headers"])


def _adding(told: Headers, send: Send) -> Send:
    async def adding_send(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = list(message.get("headers", ()))
            if not any(name.lower() == b"vary" and b"origin" in value for name, value in headers):
                message = {**message, "headers": headers + told}  # else Django has said it
        await send(message)

    return adding_send
