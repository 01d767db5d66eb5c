"""Request lines and headers: how long, how many, and what is said above that."""

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
)  # fmt: skip

pytestmark = pytest.mark.stack
LONG = "X-Long: " + "a" * 17_000
MANY = [f"X-{number}: 1" for number in range(100)]  # Host is one, too


@pytest.mark.parametrize("path", [LANE, DJANGO, "/admin/"])
@pytest.mark.parametrize("lines", [[LONG], MANY], ids=["long", "many"])
def test_headers_over_the_limit_are_431_and_the_connection_lives(
    url: str, path: str, lines: list[str]
) -> None:
    with dial(url) as client:
        client.sendall(post(path, BODY, *lines, "X-Request-ID: mine"))
        refused = answer(client)
        client.sendall(post(LANE))
        assert answer(client).status == 200

    assert (refused.status, refused.code) == (431, "headers_too_large")
    assert refused.headers["x-request-id"] == "mine"


@pytest.mark.parametrize("lines", [["X-Long: " + "a" * 15_000], MANY[:98]], ids=["long", "many"])
def test_headers_under_the_limit_pass(url: str, lines: list[str]) -> None:
    with dial(url) as client:
        client.sendall(post(LANE, BODY, *lines))
        assert answer(client).status == 200


def test_what_is_no_http_is_a_problem_too(url: str) -> None:
    with dial(url) as client:
        client.sendall(b"\x16\x03\x01\x02\x00 HELLO\r\n\r\n")
        assert answer(client).code == "malformed"
        assert until_closed(client) == b""


def test_a_long_address_is_431_too(url: str) -> None:
    with dial(url) as client:
        client.sendall(head("/livez?" + "a" * 17_000, method="GET"))
        assert answer(client).status == 431


def test_a_head_without_an_end_is_refused_long_before_it_fills_the_memory(url: str) -> None:
    with dial(url) as client:
        client.sendall(b"GET / HTTP/1.1\r\nX-Endless: ")
        with pytest.raises(ConnectionError):  # nobody reads any more
            client.sendall(bytes(64_000_000).replace(b"\0", b"a"))


def test_a_head_that_grows_over_the_limit_is_answered_and_closed(url: str) -> None:
    with dial(url) as client:
        client.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n")
        for _ in range(18):
            client.sendall(b"X-Piece: " + b"a" * 990 + b"\r\n")
        assert answer(client).code == "headers_too_large"
        assert until_closed(client) == b""


@pytest.mark.parametrize("lines", [[LONG], MANY], ids=["long", "many"])
def test_a_handshake_over_the_limit_is_431_and_closed(url: str, lines: list[str]) -> None:
    with dial(url) as client:
        client.sendall(head("/ws/jobs/", *UPGRADE, *lines, method="GET"))
        assert answer(client).code == "headers_too_large"
        assert until_closed(client) == b""


def test_a_body_before_a_head_is_not_counted_as_one(url: str) -> None:
    large = BODY + b" " * 200_000
    ask = post(LANE, large)
    with dial(url) as client:
        for _ in range(3):  # in pieces that end anywhere
            client.sendall(ask + ask[:60])
            assert answer(client).status == 200
            client.sendall(ask[60:])
            assert answer(client).status == 200


def test_pipelined_answers_keep_their_order(url: str) -> None:
    with dial(url) as client:
        client.sendall(post(DJANGO) + post(LANE, BODY, LONG) + post(LANE))
        assert [each.status for each in answers(client, 3)] == [200, 431, 200]
