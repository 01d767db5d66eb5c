"""The lane's answers are written in one piece, and are what `send` would have written."""

import json
from pathlib import Path

import pytest

from tests.doors.servers import served_process
from tests.limits.dialling import (
    BODY,
    LANE,
    Answer,
    answer,
    answers,
    dial,
    head,
    post,
    until_closed,
)

pytestmark = pytest.mark.stack
NATIVE = "/api/v1/models/iris/predict"
LONG = json.dumps({"rows": [[5.1, 3.5, 1.4, 0.2]] * 3000}).encode()  # its answer is no small one


def asked(url: str, sent: bytes) -> Answer:
    with dial(url) as client:
        client.sendall(sent)
        return answer(client)


def test_an_answer_has_the_headers_that_any_other_server_would_send(
    url: str, installed: Path
) -> None:
    sent = post(LANE, BODY, "X-Request-ID: mine")
    ours = asked(url, sent)
    with served_process("uvicorn with its own HTTP", installed) as (_, plain):
        theirs = asked(plain, sent)
    assert (ours.status, theirs.status) == (200, 200)
    assert list(ours.headers) == list(theirs.headers)
    assert ours.headers["x-request-id"] == theirs.headers["x-request-id"] == "mine"
    assert ours.headers["content-type"] == theirs.headers["content-type"]
    assert json.loads(ours.body)["prediction"] == json.loads(theirs.body)["prediction"]


def test_answers_to_requests_sent_at_once_keep_their_order(url: str) -> None:
    paths = (LANE, "/livez", LANE, "/predict-sync", LANE, LANE)
    with dial(url) as client:
        for number, path in enumerate(paths):
            given = f"X-Request-ID: number-{number}"
            probe = head(path, given, method="GET")
            client.sendall(probe if path == "/livez" else post(path, BODY, given))
        told = answers(client, len(paths))
        assert [each.status for each in told] == [200] * len(paths)
        numbers = [f"number-{number}" for number in range(len(paths))]
        assert [each.headers["x-request-id"] for each in told] == numbers
        client.sendall(post(LANE))
        assert answer(client).status == 200


@pytest.mark.parametrize("words", [("Connection: close",), ("HTTP/1.0",)])
def test_who_wants_no_more_is_answered_and_left(url: str, words: tuple[str]) -> None:
    sent = post(LANE, BODY, "Connection: close")
    if words == ("HTTP/1.0",):
        sent = post(LANE).replace(b"HTTP/1.1", b"HTTP/1.0", 1)
    with dial(url) as client:
        client.sendall(sent)
        told, _, body = until_closed(client).partition(b"\r\n\r\n")
    assert told.startswith(b"HTTP/1.1 200 OK\r\n")
    assert told.lower().count(b"connection: close") == 1
    assert "prediction" in json.loads(body)


def test_a_long_answer_is_whole_too(url: str) -> None:
    with dial(url) as client:
        for _ in range(2):
            client.sendall(post(NATIVE, LONG))
            told = answer(client)
            assert len(told.body) > 1 << 16
            assert len(json.loads(told.body)["predictions"]) == 3000


def test_who_asks_before_it_sends_is_told_to_go_on_once(url: str) -> None:
    with dial(url) as client:
        client.sendall(head(LANE, f"Content-Length: {len(BODY)}", "Expect: 100-continue"))
        assert client.recv(4096) == b"HTTP/1.1 100 Continue\r\n\r\n"
        client.sendall(BODY)
        assert answer(client).status == 200
