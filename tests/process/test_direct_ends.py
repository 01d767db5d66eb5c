"""Those who leave, wait or fail inside the HTTP protocol, and what is left behind there."""

import asyncio
import gc
from weakref import ref

import pytest

from mlapi.pace import SWEEPS
from tests.lane.house import House, loaded
from tests.process.direct import BODY, Server, answers, post, until
from tests.serving.models import Doubling, Gated, dear


async def test_a_fault_of_the_lanes_own_ends_its_connection(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    faults: list[BaseException] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, it: faults.append(it["exception"]))
    connection, transport = Server(house).connect()
    connection.data_received(post() * 2)
    monkeypatch.setattr(house.lane, "handle", None)
    await until(lambda: faults)
    assert (len(answers(transport)), transport.aborted) == (1, True)


async def test_rows_of_who_is_gone_do_not_run() -> None:
    runtime = Gated()
    house = House(loaded(runtime, cost=dear()))
    running, transport = Server(house).connect()
    running.data_received(post())
    await asyncio.to_thread(runtime.entered.wait, 30)
    waiting, silent = Server(house).connect()
    waiting.data_received(post())
    assert house.meter.in_flight == 2
    waiting.connection_lost(None)
    assert house.meter.in_flight == 1
    runtime.gate.set()
    await until(lambda: transport.pieces)
    assert (runtime.batches, silent.pieces) == ([1], [])


@pytest.mark.parametrize(
    "sent",
    [post(BODY, "Authorization: Bearer slow"), post()[:-5]],
    ids=["waiting", "unfinished"],
)
async def test_who_outlasts_the_servers_end_is_told_so(house: House, sent: bytes) -> None:
    server = Server(house)
    ending = [server.connect() for _ in range(3)]
    for connection, _ in ending:
        connection.data_received(sent)
    for task in server.state.tasks:  # as uvicorn does at the end of its patience
        task.cancel(msg="the server's time is over")
    await until(lambda: not server.state.tasks)
    for _, transport in ending:
        assert transport.pieces[0].startswith(b"HTTP/1.1 504 ")
        assert transport.closed


async def test_who_leaves_inside_its_body_costs_nothing(house: House) -> None:
    server = Server(house)
    connection, _ = server.connect()
    connection.data_received(post()[:-5])
    assert len(server.state.tasks) == 1
    connection.connection_lost(None)
    assert (server.state.tasks, server.others) == (set(), [])


async def test_a_body_that_the_lane_has_is_kept_by_nobody_else(house: House) -> None:
    connection, _ = Server(house).connect()
    connection.data_received(post(BODY, "Authorization: Bearer slow"))
    assert house.waiting_keys
    assert not connection.cycle.body
    connection.connection_lost(None)


@pytest.mark.parametrize("path", ["/predict-async", "/x"])
async def test_a_body_that_does_not_come_ends_its_request_and_the_connection_unread(
    house: House, path: str
) -> None:
    server = Server(house)
    connection, transport = server.connect()
    connection.data_received(post(path=path)[:-5])
    transport.untaken = 500  # so little that nobody is told to write no more
    sweeps = iter(range(1, 3 * SWEEPS))
    while not transport.closed:
        connection.look(next(sweeps))
    assert transport.pieces[0].startswith(b"HTTP/1.1 408 ")
    await until(lambda: not server.state.tasks)
    while not transport.aborted:
        connection.look(next(sweeps))


async def test_who_does_not_read_is_waited_for(house: House) -> None:
    server = Server(house)
    connection, transport = server.connect()
    connection.pause_writing()
    connection.data_received(post())
    await until(lambda: house.meter.ended)
    await asyncio.sleep(0)
    assert transport.pieces == []
    connection.resume_writing()
    await until(lambda: answers(transport))


@pytest.mark.parametrize(
    ("sent", "told"),
    [
        (post() * 3, 3),
        (post()[:-5], 0),
        (post(BODY, "Authorization: Bearer slow") * 3, 0),
        (post(path="/x") * 3, 0),
    ],
    ids=["answered", "unfinished", "waiting", "waiting elsewhere"],
)
async def test_nothing_is_left_in_a_circle(sent: bytes, told: int) -> None:
    house = House(loaded(Doubling()))
    server = Server(house)
    gc.collect()
    gc.disable()
    try:
        connection, transport = server.connect()
        connection.data_received(sent)
        await until(lambda: len(answers(transport)) == told)
        connection.connection_lost(None)
        house.waiting_keys.clear()
        gone = ref(connection)
        transport.set_protocol(asyncio.BaseProtocol())  # as real ones do once they are closed
        del connection
        await until(lambda: not server.state.tasks)
        await asyncio.sleep(0)
        assert gone() is None
    finally:
        gc.enable()
