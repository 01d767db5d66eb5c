"""The lane inside the HTTP protocol: what goes there, and what does not."""

import asyncio
import json

import pytest

from mlapi.direct import LARGEST, LARGEST_IN_PIECES
from mlapi.reading import MOST_BEHIND
from tests.lane.house import House, loaded
from tests.process.direct import BODY, Server, answers, post, until
from tests.serving.models import Doubling


async def test_a_whole_request_is_answered_in_one_write_and_without_a_task(house: House) -> None:
    server = Server(house)
    connection, transport = server.connect()
    before = asyncio.all_tasks()
    connection.data_received(post())
    assert asyncio.all_tasks() == before
    assert len(server.state.tasks) == 1  # the server waits for it, and counts it
    await until(lambda: transport.pieces)
    assert json.loads(transport.pieces[0].partition(b"\r\n\r\n")[2])["prediction"] == 6.0
    assert (len(transport.pieces), server.others, server.state.tasks) == (1, [], set())


async def test_a_request_in_small_pieces_is_waited_for(house: House) -> None:
    server = Server(house)
    connection, transport = server.connect()
    sent = post()
    for at in range(len(sent)):
        connection.data_received(sent[at : at + 1])
    await until(lambda: transport.pieces)
    assert (len(answers(transport)), server.others) == (1, [])


@pytest.mark.parametrize(
    "pieces",
    [
        [post(path="/admin/")],
        [post(path="/predict-async").replace(b"POST", b"PUT", 1)],
        [post(BODY, "Expect: 100-continue")],
        [post(b" " * (LARGEST + 1))],
        [post(b" " * LARGEST)[: LARGEST_IN_PIECES + 200]],
        [post(b" " * (LARGEST + 1))[:200]],
    ],
    ids=["path", "method", "asks first", "large", "large in pieces", "declared large"],
)
async def test_all_else_is_for_the_application(house: House, pieces: list[bytes]) -> None:
    server = Server(house)
    connection, _ = server.connect()
    for piece in pieces:
        connection.data_received(piece)
    await until(lambda: server.others)
    connection.connection_lost(None)
    await until(lambda: not server.state.tasks)


async def test_before_the_process_has_started_and_over_the_bodys_limit_the_application_says_so(
    house: House,
) -> None:
    narrow = House(loaded(Doubling()), body_limit=100)
    for server, sent in (
        (Server(house, started=False), post()),
        (Server(narrow), post(BODY + b" " * 100)),
        (Server(narrow), post(BODY + b" " * 100)[:-10]),
        (Server(narrow), post(BODY + b" " * 1000)[:-10]),
    ):
        connection, _ = server.connect()
        connection.data_received(sent)
        await until(lambda at=server: at.others)
        connection.connection_lost(None)
        await until(lambda at=server: not at.state.tasks)


async def test_thousands_sent_at_once_are_answered_in_their_order(house: House) -> None:
    server = Server(house)
    connection, transport = server.connect()
    sent = [post(BODY, f"X-Request-ID: number-{number}") for number in range(3000)]
    connection.data_received(b"".join(sent))
    await until(lambda: len(transport.pieces) == len(sent))
    told = answers(transport)
    assert all(b"number-%d\r\n" % number in each for number, each in enumerate(told))
    assert server.others == []


@pytest.mark.parametrize("path", ["/predict-async", "/x"])
async def test_more_is_read_once_few_are_waiting(house: House, path: str) -> None:
    connection, transport = Server(house).connect()
    connection.data_received(post(path=path) * (3 * MOST_BEHIND))
    while len(connection.pipeline) > MOST_BEHIND:
        assert connection.flow.read_paused
        await asyncio.sleep(0)
    await until(lambda: not connection.flow.read_paused)
    await until(lambda: len(answers(transport)) == 3 * MOST_BEHIND)


async def test_django_and_the_lane_take_turns_on_one_connection(house: House) -> None:
    server = Server(house)
    connection, transport = server.connect()
    connection.data_received((post() + post(path="/x")) * 5)
    await until(lambda: len(answers(transport)) == 10)
    bodies = [each.partition(b"\r\n\r\n")[2] for each in answers(transport)]
    assert [body == b"true" for body in bodies] == [False, True] * 5


@pytest.mark.parametrize(
    ("peer", "trusted", "said", "meant"),
    [
        (("127.0.0.1", 1), "127.0.0.1", "203.0.113.9, 127.0.0.1", "203.0.113.9"),
        (("127.0.0.1", 1), "127.0.0.1", "", "127.0.0.1"),
        (("198.51.100.7", 1), "127.0.0.1", "203.0.113.9", "198.51.100.7"),
        (None, "*", "203.0.113.9", "203.0.113.9"),  # through a Unix socket
        (None, "127.0.0.1", "203.0.113.9", None),
    ],
)
async def test_failures_are_told_of_whom_a_trusted_proxy_names(
    house: House, peer: tuple[str, int] | None, trusted: str, said: str, meant: str | None
) -> None:
    connection, transport = Server(house, proxies=trusted).connect(peer)
    connection.data_received(post(BODY, f"X-Forwarded-For: {said}", "Authorization: Bearer x"))
    await until(lambda: transport.pieces)
    logged = connection.cycle.scope["client"]
    assert [house.asked_from[-1], logged and logged[0]] == [meant, meant]
