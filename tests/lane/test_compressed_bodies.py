"""Compressed bodies in the lane: many at once, late, left and refused like all others."""

import asyncio
import gzip
import os
import threading
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from predictions.errors import Crowded
from predictions.lane.asgi import LaneDoor
from predictions.lane.reading import readers
from predictions.lane.room import Share
from tests.lane.house import House, loaded
from tests.lane.test_asgi_door import BODY, GONE, Client, elsewhere, piece
from tests.serving.models import Doubling

MB = 1_000_000
PACKED = gzip.compress(BODY.ljust(MB))


@pytest.fixture
def house() -> House:
    return House(loaded(Doubling()), body_limit=MB)


@contextmanager
def busy_reader() -> Iterator[None]:
    """The thread that reads has something else to do."""
    gate, entered = threading.Event(), threading.Event()

    def work() -> None:
        entered.set()
        assert gate.wait(30)

    job = readers.submit(work)
    assert entered.wait(30)
    try:
        yield
    finally:
        gate.set()
        job.result(30)


@contextmanager
def counted_memory() -> Iterator[None]:
    tracemalloc.start()
    try:
        yield
    finally:
        tracemalloc.stop()


async def test_a_hundred_at_once_take_the_memory_of_a_few(house: House) -> None:
    door = LaneDoor(house.lane, elsewhere)
    clients = [Client(piece(PACKED)) for _ in range(100)]
    with counted_memory():
        with busy_reader():
            asking = [
                asyncio.ensure_future(client.through(house, door=door, content_encoding="gzip"))
                for client in clients
            ]
            while house.meter.in_flight < len(clients):
                await asyncio.sleep(0)
        await asyncio.gather(*asking)
        peak = tracemalloc.get_traced_memory()[1]
    assert peak < 20 * MB
    assert {client.answer[1].get("error") for client in clients} <= {None, "Crowded"}
    assert clients[0].answer[0] == 200
    assert house.lane.room.left == 32 * MB


@pytest.mark.parametrize("body", [PACKED, gzip.compress(os.urandom(MB - 1000))])
async def test_one_that_waits_for_the_reader_is_late_in_time(house: House, body: bytes) -> None:
    client = Client(piece(body))
    with busy_reader():
        await client.through(house, content_encoding="gzip", request_timeout="0.05")
        assert client.answer[1]["error"] == "DeadlineExceeded"
        assert house.lane.room.left == 32 * MB


async def test_those_who_leave_while_they_wait_for_the_reader_leave_nothing(house: House) -> None:
    with counted_memory(), busy_reader():
        for _ in range(20):
            client = Client(piece(gzip.compress(os.urandom(MB - 1000), 1)), GONE)
            await client.through(house, content_encoding="gzip")
            assert client.sent == []
        assert tracemalloc.get_traced_memory()[0] < 4 * MB
    assert house.meter.ended == [("/predict-async", False)] * 20
    assert house.lane.room.left == 32 * MB


async def test_where_no_room_is_left_it_is_refused_until_there_is_some(house: House) -> None:
    others = Share(house.lane.room)
    others.hold(31 * MB + len(PACKED))
    refused, answered = Client(piece(PACKED)), Client(piece(PACKED))
    await refused.through(house, content_encoding="gzip")
    assert refused.answer[1]["error"] == "Crowded"
    others.end()
    await answered.through(house, content_encoding="gzip")
    assert answered.answer[0] == 200


async def test_a_large_body_that_came_in_one_piece_needs_room_too(house: House) -> None:
    others = Share(house.lane.room)
    others.hold(31 * MB + 1)
    client = Client(piece(BODY.ljust(MB)))
    await client.through(house)
    assert client.answer[1]["error"] == "Crowded"


def test_a_request_that_is_over_gets_no_room(house: House) -> None:
    share = Share(house.lane.room)
    share.hold(MB)
    share.end()
    with pytest.raises(Crowded):
        share.hold(1)
    assert house.lane.room.left == 32 * MB


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (b"garbage", "Malformed"),
        (PACKED[:-1], "Malformed"),
        (gzip.compress(BODY.ljust(MB + 1)), "BodyTooLarge"),
        (gzip.compress(BODY) + bytes(MB), "BodyTooLarge"),
    ],
)
async def test_what_is_wrong_with_it_is_told(house: House, body: bytes, error: str) -> None:
    client = Client(piece(body))
    await client.through(house, content_encoding="gzip")
    assert client.answer[1]["error"] == error


async def test_small_ones_are_answered_without_the_reader(house: House) -> None:
    client = Client(piece(gzip.compress(BODY)))
    with busy_reader():
        await client.through(house, content_encoding="gzip")
    assert client.answer[0] == 200


async def test_a_small_one_may_not_unpack_to_more_than_the_limit() -> None:
    client = Client(piece(gzip.compress(BODY.ljust(1001))))
    await client.through(House(loaded(Doubling())), content_encoding="gzip")
    assert client.answer[1]["error"] == "BodyTooLarge"
