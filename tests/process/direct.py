"""A server's connections without a server, over a lane that a test can steer."""

import asyncio
from collections.abc import Callable
from types import SimpleNamespace

from uvicorn.config import Config
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware
from uvicorn.server import ServerState

from mlapi.asgi import Http
from predictions.lane.asgi import Message, Receive, Send, send_reply
from tests.lane.house import House
from tests.process.transport import Written

BODY = b'{"features": [1, 2]}'


def post(body: bytes = BODY, *lines: str, path: str = "/predict-async") -> bytes:
    head = [f"POST {path} HTTP/1.1", "Host: localhost", *lines, f"Content-Length: {len(body)}"]
    return "\r\n".join([*head, "", ""]).encode() + body


class Server:
    """Connections to a lane over one model; `others` are the paths that went to the application."""

    def __init__(self, house: House, *, started: bool = True, proxies: str | None = None) -> None:
        self.others: list[str] = []
        self.state = ServerState()
        self._config = Config(self._application, lifespan="off", access_log=False)
        self._config.load()
        self._config.loaded_app = self._application
        if proxies is not None:
            self._config.loaded_app = ProxyHeadersMiddleware(self._application, proxies)
        process = SimpleNamespace(started=started)
        self._kind = type("Of", (Http,), {"lane": house.lane, "process": process})

    async def _application(self, scope: Message, receive: Receive, send: Send) -> None:
        self.others.append(scope["path"])
        while (await receive()).get("more_body"):
            pass
        await send_reply((200, [(b"content-length", b"4")], b"true"), send)

    def connect(self, peer: tuple[str, int] | None = ("127.0.0.1", 1)) -> tuple[Http, Written]:
        transport = Written(peer)
        connection = self._kind(self._config, self.state, {}, asyncio.get_running_loop())
        transport.set_protocol(connection)
        connection.connection_made(transport)
        return connection, transport


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(30):
        while not condition():
            await asyncio.sleep(0)


def answers(transport: Written) -> list[bytes]:
    return b"".join(transport.pieces).split(b"HTTP/1.1 200 OK\r\n")[1:]
