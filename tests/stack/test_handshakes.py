"""Handshakes of WebSockets that are none: answered and closed, whoever sends them."""

import json
import re
import socket
from urllib.parse import urlsplit

import pytest

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


def test_the_image_starts_the_same_protocol() -> None:
    command = re.findall(r"^CMD (\[.*)$", (BASE_DIR / "Dockerfile").read_text(), re.MULTILINE)[-1]
    words = json.loads(command)

    name = f"{AnsweredHandshakes.__module__}:{AnsweredHandshakes.__name__}"
    assert words[words.index("--ws") + 1] == name
