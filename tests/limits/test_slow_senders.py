"""Who sends too slowly is closed in time, whatever it sends; who is slow but steady is not."""

import time

import pytest

from tests.limits.dialling import (
    BODY,
    DJANGO,
    LANE,
    RECEIVE_S,
    answer,
    dial,
    drip,
    head,
    post,
    until_closed,
)

pytestmark = [pytest.mark.stack, pytest.mark.alone]
AT_MOST_S = 5 * RECEIVE_S
HANDSHAKE = head("/ws/jobs/", "Connection: Upgrade", "Upgrade: websocket", method="GET")
UPLOAD = "/api/v1/models/iris/versions/"


def test_a_connection_that_says_nothing_is_closed(url: str) -> None:
    started = time.monotonic()
    with dial(url) as client:
        assert until_closed(client) == b""
    assert time.monotonic() - started < AT_MOST_S


def test_line_breaks_do_not_keep_a_connection(url: str) -> None:
    with dial(url) as client:
        client.sendall(post(LANE))
        assert answer(client).status == 200
        client.sendall(b"\r\n")  # ends uvicorn's own timer
        assert until_closed(client) == b""


@pytest.mark.parametrize(
    "sent", [post(LANE), post(DJANGO), HANDSHAKE], ids=["lane", "django", "socket"]
)
def test_a_head_a_byte_at_a_time_is_408_and_closed(url: str, sent: bytes) -> None:
    with dial(url) as client:
        assert drip(client, sent[:-50] + b"a" * 1000, every_s=0.02) < AT_MOST_S
        assert answer(client).code == "too_slow"
        assert until_closed(client) == b""


@pytest.mark.parametrize("path", [LANE, DJANGO, UPLOAD])
@pytest.mark.parametrize("lines", [["Content-Length: 2000"], ["Transfer-Encoding: chunked"]])
def test_a_body_a_byte_at_a_time_is_408_and_closed(url: str, path: str, lines: list[str]) -> None:
    with dial(url) as client:
        client.sendall(head(path, *lines))
        body = b"1\r\n \r\n" * 1000 if "chunked" in lines[0] else b" " * 1000
        assert drip(client, body, every_s=0.02) < AT_MOST_S
        told = answer(client)
        assert (told.status, told.code) == (408, "too_slow")
        assert until_closed(client) == b""


def test_a_body_that_stops_in_the_middle_is_408(url: str) -> None:
    with dial(url) as client:
        client.sendall(post(LANE)[:-1])
        assert answer(client).code == "too_slow"


@pytest.mark.parametrize("path", [LANE, DJANGO])
def test_a_slow_but_steady_body_passes_however_long_it_takes(url: str, path: str) -> None:
    body = BODY + b" " * 30_000
    with dial(url) as client:
        client.sendall(head(path, f"Content-Length: {len(body)}"))
        assert drip(client, body, piece=1000, every_s=0.1) > 2 * RECEIVE_S
        assert answer(client).status == 200


def test_neighbours_are_answered_meanwhile(url: str) -> None:
    slow = [dial(url) for _ in range(10)]
    try:
        for client in slow:
            client.sendall(post(LANE)[:-1])
        with dial(url) as client:
            client.sendall(post(LANE))
            assert answer(client).status == 200
    finally:
        for client in slow:
            client.close()
