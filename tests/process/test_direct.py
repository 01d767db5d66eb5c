"""The lane inside the HTTP protocol: what goes there, what does not, and what is left behind."""

import asyncio
import gc
import json
from collections.abc import AsyncIterator, Callable
from types import SimpleNamespace
from weakref import ref

import pytest
from uvicorn.config import Config
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware
from uvicorn.server import ServerState

from mlapi.asgi import Http
from mlapi.direct import LARGEST, LARGEST_IN_PIECES
from mlapi.pace import SWEEPS
from mlapi.reading import MOST_BEHIND
from predictions.lane.asgi import Message, Receive, Send, send_reply
from tests.lane.house import House, loaded
from tests.process.transport import Written
from tests.serving.models import Doubling, Gated, dear

BODY = b'{"features": [1, 2]}'


def post(body: bytes = BODY, *lines: str, path: str = "/predict-async") -> bytes:
    head = [f"POST {path} HTTP/1.1", "Host: localhost", *lines, f"Content-Length: {len(body)}"]
    return "\r\n".join([*head, "", ""]).encode() + body


class Server:
    """Connections to a lane over one model; `others` are the paths that went to the application."""

    def __init__(self, house: House, *, started: bool = True, proxies: str | None = None) -> None:
        self.others: list[str] = []
        self.state = ServerState()
        self._config = Config(self._application, lifespan="off", access_log=False)
        self._config.load()
        self._config.loaded_app = self._application
        if proxies is not None:
            self._config.loaded_app = ProxyHeadersMiddleware(self._application, proxies)
        process = SimpleNamespace(started=started)
        self._kind = type("Of", (Http,), {"lane": house.lane, "process": process})

    async def _application(self, scope: Message, receive: Receive, send: Send) -> None:
        self.others.append(scope["path"])
        while (await receive()).get("more_body"):
            pass
        await send_reply((200, [(b"content-length", b"4")], b"true"), send)

    def connect(self, peer: tuple[str, int] | None = ("127.0.0.1", 1)) -> tuple[Http, Written]:
        transport = Written(peer)
        connection = self._kind(self._config, self.state, {}, asyncio.get_running_loop())
        transport.set_protocol(connection)
        connection.connection_made(transport)
        return connection, transport


@pytest.fixture
async def house() -> AsyncIterator[House]:
    made = House(loaded(Doubling()), body_limit=1 << 20)
    yield made
    assert made.meter.in_flight == 0


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(30):
        while not condition():
            await asyncio.sleep(0)


def answers(transport: Written) -> list[bytes]:
    return b"".join(transport.pieces).split(b"HTTP/1.1 200 OK\r\n")[1:]


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
    ):
        connection, _ = server.connect()
        connection.data_received(sent)
        await until(lambda at=server: at.others)
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
