"""Clients that send what they like, when they like, and read until the other side closes."""

import json
import socket
import time
from dataclasses import dataclass
from typing import BinaryIO
from urllib.parse import urlsplit

RECEIVE_S = 1
IN_FLIGHT = 20
PATIENCE_S = 60
LANE, DJANGO = "/predict-async", "/predict-sync"
BODY = b'{"features": [5.1, 3.5, 1.4, 0.2]}'
UPGRADE = (
    *("Connection: Upgrade", "Upgrade: websocket"),
    *("Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA=="),
)


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def code(self) -> str:
        """Of the problem."""
        assert self.headers["content-type"] == "application/problem+json"
        problem = json.loads(self.body)
        assert problem["status"] == self.status
        assert problem["request_id"] == self.headers["x-request-id"]
        return str(problem["code"])


def dial(url: str) -> socket.socket:
    place = urlsplit(url)
    assert place.hostname is not None
    return socket.create_connection((place.hostname, place.port or 80), timeout=PATIENCE_S)


def head(path: str, *lines: str, method: str = "POST") -> bytes:
    return "\r\n".join((f"{method} {path} HTTP/1.1", "Host: localhost", *lines, "", "")).encode()


def post(path: str, body: bytes = BODY, *lines: str) -> bytes:
    return head(path, f"Content-Length: {len(body)}", *lines) + body


def answer(client: socket.socket) -> Answer:
    """The only one on its way; ConnectionError where there is none."""
    return answers(client, 1)[0]


def answers(client: socket.socket, count: int) -> list[Answer]:
    """So many, which may come at once."""
    with client.makefile("rb") as stream:
        return [_next(stream) for _ in range(count)]


def _next(stream: BinaryIO) -> Answer:
    first = stream.readline()
    if not first:
        raise ConnectionError("closed without an answer")
    headers = {}
    while line := stream.readline().strip():
        name, _, value = line.decode().partition(": ")
        headers[name] = value
    body = stream.read(int(headers["content-length"]))
    return Answer(int(first.split()[1]), headers, body)


def until_closed(client: socket.socket) -> bytes:
    """What comes before the other side closes; it fails where nobody does."""
    found = bytearray()
    while piece := client.recv(65536):
        found += piece
    return bytes(found)


def drip(client: socket.socket, data: bytes, *, piece: int = 1, every_s: float = 0.05) -> float:
    """Send `data` in pieces until it is all sent, or nobody takes it any more; the seconds."""
    started = time.monotonic()
    client.settimeout(every_s)
    for at in range(0, len(data), piece):
        try:
            client.sendall(data[at : at + piece])
            if client.recv(1, socket.MSG_PEEK) in (b"", b"H"):  # an answer, or the end
                break
        except TimeoutError:
            continue  # nothing said yet: the next piece is due
        except ConnectionError:
            break
    client.settimeout(PATIENCE_S)
    return time.monotonic() - started
