"""What comes behind a head: fields behind a body are no headers, and nothing there is endless."""

import json
import socket

import psutil
import pytest

from tests.limits.dialling import BODY, DJANGO, LANE, answer, dial, head, post, until_closed
from tests.running import until

pytestmark = pytest.mark.stack
CHUNKED = "Transfer-Encoding: chunked"
CHUNK = b"%x\r\n%b\r\n" % (len(BODY), BODY)
LAST = b"0\r\n"
MOST = 8 << 20  # bytes that are sent at most: no limit is near


@pytest.mark.parametrize("path", [LANE, DJANGO])
@pytest.mark.parametrize("field", [b"content-type: text/csv", b"host: elsewhere", b"expect: all"])
def test_fields_behind_a_body_are_no_headers(url: str, path: str, field: bytes) -> None:
    with dial(url) as client:
        client.sendall(head(path, CHUNKED) + CHUNK + LAST + field + b"\r\n\r\n")
        assert answer(client).status == 200
        client.sendall(post(path))
        assert answer(client).status == 200


@pytest.mark.parametrize("path", [LANE, DJANGO])
@pytest.mark.parametrize(
    ("start", "piece"),
    [
        (CHUNK + LAST, b"a:\r\n" * 16_000),
        (CHUNK + LAST, b"a: " + b"b" * 64_000 + b"\r\n"),
        (CHUNK + LAST, b"a" * 64_000),
        (b"1;", b"a" * 64_000),
    ],
    ids=["fields", "values", "a name", "an extension"],
)
def test_nothing_behind_a_head_is_endless(url: str, path: str, start: bytes, piece: bytes) -> None:
    with dial(url) as client:
        client.sendall(head(path, CHUNKED) + start)
        assert _sent(client, piece) < MOST


def _sent(client: socket.socket, piece: bytes) -> int:
    """The bytes that are taken before the other side closes."""
    sent = 0
    try:
        while sent < MOST:
            client.sendall(piece)
            sent += len(piece)
    except ConnectionError:
        pass
    return sent


@pytest.mark.parametrize("path", [LANE, DJANGO])
def test_what_was_whole_before_a_fault_is_answered_and_then_the_connection_ends(
    url: str, path: str
) -> None:
    with dial(url) as client:
        client.sendall(post(path) + b"nonsense\r\n\r\n")
        told = until_closed(client)
    assert told.startswith(b"HTTP/1.1 200 ")
    assert told.count(b"HTTP/1.1") == 1


@pytest.mark.alone
def test_a_client_that_does_not_read_its_answer_is_ended(
    server: tuple[psutil.Process, str],
) -> None:
    process, url = server
    rows = {"rows": [[5.1, 3.5, 1.4, 0.2]] * 60_000}
    with dial(url) as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        own = client.getsockname()[1]
        client.sendall(post("/api/v1/models/iris/predict", json.dumps(rows).encode()))
        until(lambda: own not in _clients(process), 60, "its connection is over")


def _clients(process: psutil.Process) -> set[int]:
    found = process.net_connections("tcp")
    return {each.raddr.port for each in found if each.raddr and each.status == "ESTABLISHED"}
