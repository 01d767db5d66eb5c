"""Handshakes of WebSockets that are none: answered and closed, whoever sends them."""

import json
import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Thread
from urllib.parse import urlsplit

import pytest
import uvicorn
from uvicorn._types import ASGIReceiveCallable, Scope

from mlapi.handshakes import AnsweredHandshakes
from tests.running import BASE_DIR, Stack, until

pytestmark = pytest.mark.stack
LIMIT_S = 30
UPGRADE = (
    "Host: localhost",
    *("Connection: Upgrade", "Upgrade: websocket"),
    *("Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA=="),
)
BROKEN = {
    "a long path": ("/ws/jobs/?" + "a" * 9000, (), 414),
    "a long header": ("/ws/jobs/", ("X-Long: " + "a" * 9000,), 431),
    "many headers": ("/ws/jobs/", tuple(f"X-{n}: 1" for n in range(130)), 431),
    "a body": ("/ws/jobs/", ("Content-Length: 100",), 400),
    "chunks": ("/ws/jobs/", ("Transfer-Encoding: chunked",), 400),
    "a path that is nowhere": ("/nowhere?" + "a" * 9000, (), 414),
}


def handshake(path: str, *headers: str) -> bytes:
    return "\r\n".join((f"GET {path} HTTP/1.1", *UPGRADE, *headers, "", "")).encode()


def dial(stack: Stack) -> socket.socket:
    place = urlsplit(stack.base_url)
    assert place.hostname is not None
    return socket.create_connection((place.hostname, place.port or 80), timeout=LIMIT_S)


def until_closed(client: socket.socket) -> bytes:
    """What comes before the other side closes; it fails where nobody does."""
    found = bytearray()
    while piece := client.recv(65536):
        found += piece
    return bytes(found)


def logged(stack: Stack) -> int:
    return stack.log.count("Invalid WebSocket handshake")


@pytest.mark.parametrize("kind", BROKEN)
def test_a_broken_handshake_is_answered_closed_and_logged(stack: Stack, kind: str) -> None:
    path, headers, status = BROKEN[kind]
    before = logged(stack)

    with dial(stack) as client:
        client.sendall(handshake(path, *headers))
        answer = until_closed(client)

    assert answer.startswith(f"HTTP/1.1 {status} ".encode())
    until(lambda: logged(stack) > before, LIMIT_S, "a line in the log")


@pytest.mark.timeout(60)
def test_a_broken_frame_before_we_let_somebody_in_ends_the_connection_quietly(
    caplog: pytest.LogCaptureFixture,
) -> None:
    asked = Event()

    async def never_accepts(scope: Scope, receive: ASGIReceiveCallable, send: object) -> None:
        while (await receive())["type"] == "websocket.connect":
            asked.set()

    with listening(never_accepts) as place, socket.create_connection(place, LIMIT_S) as client:
        client.sendall(handshake("/"))
        assert asked.wait(LIMIT_S)
        client.sendall(b"\xff" * 64)
        assert until_closed(client) == b""

    assert [line for line in caplog.records if line.exc_info] == []


@contextmanager
def listening(app: object) -> Iterator[tuple[str, int]]:
    """A server of `app` with our protocol, in a thread."""
    with socket.create_server(("127.0.0.1", 0)) as door:
        config = uvicorn.Config(app, ws=AnsweredHandshakes, lifespan="off", log_config=None)  # type: ignore[arg-type]
        server = uvicorn.Server(config)
        thread = Thread(target=server.run, args=([door],))
        thread.start()
        try:
            yield door.getsockname()
        finally:
            server.should_exit = True
            thread.join(LIMIT_S)


def test_the_image_starts_the_same_protocol() -> None:
    command = re.findall(r"^CMD (\[.*)$", (BASE_DIR / "Dockerfile").read_text(), re.MULTILINE)[-1]
    words = json.loads(command)

    name = f"{AnsweredHandshakes.__module__}:{AnsweredHandshakes.__name__}"
    assert words[words.index("--ws") + 1] == name
