"""The lane's ASGI door: bodies in pieces, byte limits, clients that leave."""

import asyncio
import json

import pytest

from predictions.lane.asgi import LaneDoor, Message
from tests.lane.house import House, loaded
from tests.serving.models import Doubling, Gated, dear

BODY = b'{"features": [1, 2]}'


class Client:
    """What a server would be to the door: messages in, messages out."""

    def __init__(self, *messages: Message) -> None:
        self.incoming: asyncio.Queue[Message] = asyncio.Queue()
        for message in messages:
            self.incoming.put_nowait(message)
        self.sent: list[Message] = []

    async def send(self, message: Message) -> None:
        self.sent.append(message)

    async def through(
        self,
        house: House,
        *,
        path: str = "/predict-async",
        door: LaneDoor | None = None,
        **headers: str,
    ) -> None:
        raw = [(k.replace("_", "-").encode(), v.encode()) for k, v in headers.items()]
        scope = {"type": "http", "method": "POST", "path": path, "headers": raw}
        async with asyncio.timeout(30):
            door = door or LaneDoor(house.lane, elsewhere)
            await door(scope, self.incoming.get, self.send)

    @property
    def answer(self) -> tuple[int, dict[str, object]]:
        start, body = self.sent
        return start["status"], json.loads(body["body"])


async def elsewhere(scope, receive, send) -> None:
    await send({"type": "elsewhere"})


def piece(body: bytes, *, more: bool = False) -> Message:
    return {"type": "http.request", "body": body, "more_body": more}


GONE: Message = {"type": "http.disconnect"}


async def test_a_body_in_pieces_is_put_together() -> None:
    client = Client(piece(BODY[:5], more=True), piece(b"", more=True), piece(BODY[5:]))
    await client.through(House(loaded(Doubling())))
    assert client.answer[1]["prediction"] == 6.0


async def test_other_paths_and_protocols_go_elsewhere() -> None:
    client = Client()
    await client.through(House(loaded(Doubling())), path="/admin/")
    assert client.sent == [{"type": "elsewhere"}]


@pytest.mark.parametrize(
    ("messages", "headers"),
    [
        ([piece(b" " * 1001)], {}),
        ([piece(b" " * 600, more=True), piece(b" " * 600, more=True), piece(b"")], {}),
        ([piece(b"x", more=True), GONE], {"content_length": "1001"}),
        ([], {"content_length": "1" + "0" * 5000, "expect": "100-continue"}),
    ],
    ids=["whole", "in pieces", "declared", "declared absurdly, and asked for first"],
)
async def test_a_body_over_the_limit_is_refused_whatever_was_declared(messages, headers) -> None:
    client = Client(*messages)
    await client.through(House(loaded(Doubling())), **headers)
    assert client.answer[1]["error"] == "BodyTooLarge"


async def test_a_body_of_exactly_the_limit_passes() -> None:
    client = Client(piece(BODY + b" " * (1000 - len(BODY))))
    await client.through(House(loaded(Doubling())))
    assert client.answer[0] == 200


async def test_large_bodies_on_their_way_share_a_bounded_room() -> None:
    house = House(loaded(Doubling()))
    door = LaneDoor(house.lane, elsewhere)
    waiting = [Client(piece(b" " * 900, more=True)) for _ in range(40)]
    tasks = [asyncio.ensure_future(client.through(house, door=door)) for client in waiting]
    refused = [client for client in waiting if await _told(client)]
    assert {client.answer[1]["error"] for client in refused} == {"Crowded"}
    assert len(refused) == 40 - 32_000 // 900

    for client in waiting:
        client.incoming.put_nowait(GONE)
    await asyncio.gather(*tasks)
    late = Client(piece(BODY[:5], more=True), piece(BODY[5:]))
    await late.through(house, door=door)
    assert late.answer[0] == 200


async def _told(client: Client) -> bool:
    """After turns enough for whoever need not wait."""
    for _ in range(5):
        await asyncio.sleep(0)
    return bool(client.sent)


async def test_a_client_that_leaves_inside_its_body_gets_and_costs_nothing() -> None:
    house = House(loaded(Doubling()))
    client = Client(piece(BODY[:5], more=True), GONE)
    await client.through(house)
    assert client.sent == []
    assert house.meter.in_flight == 0


async def test_a_client_that_leaves_while_it_waits_is_skipped_and_its_neighbour_answered() -> None:
    runtime = Gated()
    house = House(loaded(runtime, cost=dear()))
    running, leaving, staying = Client(piece(BODY)), Client(piece(BODY)), Client(piece(BODY))
    first = asyncio.ensure_future(running.through(house))
    await asyncio.to_thread(runtime.entered.wait, 30)
    second = asyncio.ensure_future(leaving.through(house))
    third = asyncio.ensure_future(staying.through(house))
    leaving.incoming.put_nowait(GONE)
    await second
    runtime.gate.set()
    await asyncio.gather(first, third)
    assert leaving.sent == []
    assert staying.answer[0] == 200
    assert runtime.batches == [1, 1]
    assert house.meter.in_flight == 0


async def test_a_server_that_cancels_the_request_cancels_its_rows() -> None:
    runtime = Gated()
    house = House(loaded(runtime, cost=dear()))
    running = asyncio.ensure_future(Client(piece(BODY)).through(house))
    await asyncio.to_thread(runtime.entered.wait, 30)
    cancelled = asyncio.ensure_future(Client(piece(BODY)).through(house))
    while house.meter.in_flight < 2:
        await asyncio.sleep(0)
    cancelled.cancel()
    with pytest.raises(asyncio.CancelledError):
        await cancelled
    runtime.gate.set()
    await running
    assert runtime.batches == [1]
    assert house.meter.in_flight == 0
