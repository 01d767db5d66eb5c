"""What is wrong behind whole requests takes no answer from them: those come first, in order."""

import pytest

from tests.limits.dialling import (
    BODY,
    DJANGO,
    LANE,
    UPGRADE,
    answer,
    answers,
    dial,
    head,
    post,
    until_closed,
)

pytestmark = pytest.mark.stack
CHUNKED = "Transfer-Encoding: chunked"
SLOW = "Authorization: Bearer mlapi_nobodys"  # looked up in the database: it takes a while
HANDSHAKE = head("/ws/jobs/", *UPGRADE, method="GET")


@pytest.mark.parametrize("path", [LANE, DJANGO])
def test_a_broken_chunk_is_400_behind_the_answers_before_it(url: str, path: str) -> None:
    broken = head(path, CHUNKED) + b"zz\r\n" + BODY
    with dial(url) as client:
        client.sendall(post(LANE, BODY, SLOW) + post(DJANGO) + broken)
        told = answers(client, 3)
        assert until_closed(client) == b""
    assert [each.status for each in told] == [401, 200, 400]
    assert told[2].code == "malformed"
    assert told[2].headers["connection"] == "close"


@pytest.mark.parametrize("path", [LANE, DJANGO])
def test_no_http_behind_a_whole_request_ends_the_connection_behind_its_answer(
    url: str, path: str
) -> None:
    with dial(url) as client:
        client.sendall(post(path) + b"\x16\x03\x01 HELLO\r\n\r\n" + post(path))
        assert answer(client).status == 200
        assert until_closed(client) == b""


@pytest.mark.parametrize("path", [LANE, DJANGO])
def test_a_head_without_an_end_takes_no_answer_from_those_before_it(url: str, path: str) -> None:
    with dial(url) as client:
        endless = b"GET / HTTP/1.1\r\nX-Endless: " + b"a" * 200_000
        client.sendall(post(path, BODY, SLOW) + post(path) + endless)
        told = answers(client, 2)
        with pytest.raises(ConnectionError):  # nobody keeps what comes on
            client.sendall(b"a" * 64_000_000)
    assert [each.status for each in told] == [401, 200]


def test_a_handshake_behind_a_request_takes_no_answer_from_it(url: str) -> None:
    with dial(url) as client:
        client.sendall(post(LANE, BODY, SLOW) + post(LANE) + HANDSHAKE)
        told = answers(client, 2)
        assert until_closed(client) == b""
    assert [each.status for each in told] == [401, 200]


def test_a_handshake_behind_an_answer_is_one(url: str) -> None:
    with dial(url) as client:
        client.sendall(post(LANE))
        assert answer(client).status == 200
        client.sendall(HANDSHAKE)
        assert client.recv(4096).startswith(b"HTTP/1.1 403 ")  # nobody has signed in


def test_a_head_that_begins_behind_a_request_has_as_long_as_any(url: str) -> None:
    with dial(url) as client:
        client.sendall(post(LANE) + post(LANE)[:20])
        assert answer(client).status == 200
        told = answer(client)
        assert (told.status, told.code) == (408, "too_slow")
        assert until_closed(client) == b""
