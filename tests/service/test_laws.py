"""The batcher's laws as callers of a server meet them, each on connections of its own.

The model's runs take as long as its rows say, and fail on a poisoned one: that a row has never
reached the model shows in its neighbours' answers, and in the server's log.
"""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from onnx import TensorProto, helper

from benchmarks.caller import Caller, Reply
from tests.conftest import Install
from tests.doors.servers import served_process
from tests.running import until
from tests.service import steered
from tests.service.callers import (
    awaited,
    body_of,
    connected,
    fault,
    path_of,
    predictions,
    seen,
    sent,
)  # fmt: skip
from tests.service.steered import Served, answer, files, register

pytestmark = [pytest.mark.stack, pytest.mark.alone]
LONG, LONGER = [0, 0, steered.LONG, 0], [0, 0, steered.LONGER, 0]
POISONED = [0, 0, 0, steered.POISON]
PLACES, BATCH = 16, 8


def letters() -> bytes:
    """A model that knows a, b and c, and refuses other letters."""
    node = helper.make_node(
        "OneHotEncoder", ["X"], ["value"], domain="ai.onnx.ml", cats_strings=["a", "b", "c"],
        zeros=0,
    )  # fmt: skip
    graph = helper.make_graph(
        [node],
        "letters",
        [helper.make_tensor_value_info("X", TensorProto.STRING, ["n", 1])],
        [helper.make_tensor_value_info("value", TensorProto.FLOAT, ["n", 1, 3])],
    )
    opset = [helper.make_opsetid("", 21), helper.make_opsetid("ai.onnx.ml", 3)]
    made: bytes = helper.make_model(graph, opset_imports=opset, ir_version=10).SerializeToString()
    return made


@dataclass(frozen=True, slots=True)
class Server:
    url: str
    log_path: Path

    @property
    def failed_runs(self) -> int:
        return self.log_path.read_text(errors="replace").count("rows failed")


@pytest.fixture(scope="module")
def server(install: Install) -> Iterator[Server]:
    data_dir = install("laws")
    full_batches = {"max_wait_ms": 1000.0, "max_batch_rows": 4}
    register(
        data_dir,
        Served("steady", files(2)),
        Served("narrow", files(), {"max_batch_rows": BATCH, "max_queue_rows": PLACES}),
        Served("in-fours", files(), full_batches),
        Served("tiny", files(), {"max_queue_rows": 4}),
        Served("hasty", files(), {"deadline_ms": 300, "max_batch_rows": 1}),
        Served("letters", [letters()], full_batches),
    )
    with served_process("uvicorn", data_dir, MLAPI_DEFAULT_MODEL="steady") as (_, url):
        (log_path,) = data_dir.glob("uvicorn-*.log")
        until(lambda: "letters version 1 is live" in log_path.read_text(), 60, "all are live")
        yield Server(url, log_path)


@asynccontextmanager
async def held(
    server: Server, model: str, callers: int
) -> AsyncIterator[tuple["asyncio.Task[Reply]", list[Caller]]]:
    """The model is busy with somebody's run, which ends with the block at the latest; whoever of
    these callers asks has to wait.
    """
    async with connected(server.url, callers + 1) as [first, *others]:
        running = await sent(first, model, LONG)
        await seen(server.url)
        yield running, others
        await running


async def waiting(
    server: Server,
    callers: Sequence[Caller],
    model: str,
    *rows: Sequence[object],
    within_s: float | None = None,
) -> list["asyncio.Task[Reply]"]:
    """All have asked for one answer to these rows, and the server knows."""
    tasks = [await sent(caller, model, *rows, within_s=within_s) for caller in callers]
    await seen(server.url)
    return tasks


async def test_one_wrong_row_among_64_callers_is_refused_and_63_are_answered(
    server: Server,
) -> None:
    async with connected(server.url, 65) as [first, *callers]:
        path = "/predict-batched"
        await first.send(path, json.dumps({"features": LONG}).encode())
        await seen(server.url)
        rows: list[list[object]] = [[i, i + 0.5, 0, 0] for i in range(64)]
        rows[30][0] = "thirty"
        for caller, row in zip(callers, rows, strict=True):
            await caller.send(path, json.dumps({"features": row}).encode())
        replies = await asyncio.gather(*[awaited(caller.answer()) for caller in callers])
        await first.answer()
    assert fault(replies.pop(30)) == (422, "wrong_input")
    right = [answer([[i, i + 0.5]])[0] for i in range(64) if i != 30]
    told = [json.loads(reply.body) for reply in replies]
    assert [each["prediction"] for each in told] == right
    assert max(each["batch_size"] for each in told) == 32


async def test_a_row_that_the_model_refuses_is_its_own_callers_fault_alone(server: Server) -> None:
    async with connected(server.url, 4) as callers:
        pairs = zip(callers, "abzc", strict=True)  # four rows are a batch
        replies = await asyncio.gather(*[await sent(c, "letters", [x]) for c, x in pairs])
    assert fault(replies.pop(2)) == (422, "wrong_input")
    hot = [[[1, 0, 0]], [[0, 1, 0]], [[0, 0, 1]]]
    assert [predictions(reply) for reply in replies] == hot


async def test_places_are_counted_in_rows_not_in_requests(server: Server) -> None:
    async with held(server, "narrow", 3) as (_, [*two, third]):
        rows = [[i, 0, 0, 0] for i in range(BATCH)]
        accepted = await waiting(server, two, "narrow", *rows)
        assert fault(await (await sent(third, "narrow", [1, 0, 0, 0]))) == (503, "overloaded")
        assert [predictions(await each) for each in accepted] == [answer(rows)] * 2


async def test_a_large_request_runs_in_slices_between_which_others_are_answered(
    server: Server,
) -> None:
    rows = [[i, -i, 0, 0] for i in range(100 * BATCH)]
    async with connected(server.url, 2) as [large, small]:
        coming = await sent(large, "narrow", *rows)
        for i in range(5):
            assert predictions(await (await sent(small, "narrow", [i, 7, 0, 0]))) == [[2 * i, 14]]
            assert not coming.done()
        assert predictions(await coming) == answer(rows)


async def test_whoever_hangs_up_is_not_run_and_leaves_a_place_and_neighbours_in_peace(
    server: Server,
) -> None:
    failed = server.failed_runs
    async with held(server, "narrow", PLACES + 1) as (running, [newcomer, *callers]):
        leaving, staying = callers[:4], callers[4:]
        lost = await waiting(server, leaving, "narrow", POISONED)
        kept = await waiting(server, staying, "narrow", [1, 2, 0, 0])
        assert fault(await newcomer.ask(path_of("narrow"), body_of([3, 4, 0, 0])))[0] == 503
        for number, caller in enumerate(leaving):
            lost[number].cancel()
            caller.leave(rudely=number % 2 == 0)
        taken = await admitted(server, newcomer)
        assert not running.done()
        assert predictions(await taken) == [[6, 8]]
        assert [predictions(await each) for each in kept] == [[[2, 4]]] * len(staying)
    assert server.failed_runs == failed


async def admitted(server: Server, newcomer: Caller) -> "asyncio.Task[Reply]":
    """The answer to come to a row of [3, 4], asked for until there is room for it."""
    while True:
        coming = await sent(newcomer, "narrow", [3, 4, 0, 0])
        await seen(server.url)
        if not coming.done():
            return coming
        assert fault(await coming) == (503, "overloaded")


async def test_callers_of_other_outputs_versions_and_models_get_their_own(server: Server) -> None:
    kinds = [
        (path_of("steady"), {}, answer),
        (path_of("steady/versions/2"), {}, lambda rows: answer(rows, version=2)),
        (path_of("in-fours"), {}, answer),
        (path_of("steady"), {"outputs": ["negative"]}, None),
    ]
    async with held(server, "steady", 60) as (_, callers):
        for number, caller in enumerate(callers):
            path, more, _ = kinds[number % 4]
            await caller.send(path, body_of(*rows_of(number), **more))
        replies = await asyncio.gather(*[awaited(caller.answer()) for caller in callers])
    for number, reply in enumerate(replies):
        expected, rows = kinds[number % 4][2], rows_of(number)
        if expected is None:
            negative = [[-x for x in row] for row in answer(rows)]
            assert json.loads(reply.body)["outputs"] == {"negative": negative}
        else:
            assert predictions(reply) == expected(rows)


def rows_of(number: int) -> list[list[float]]:
    """One to three rows that nobody else has."""
    return [[number, 1000 + at, 0, 0] for at in range(1 + number % 3)]


async def test_a_full_queue_is_refused_at_once_and_told_when_to_come_back(server: Server) -> None:
    async with held(server, "narrow", PLACES + 20) as (running, callers):
        accepted = await waiting(server, callers[:PLACES], "narrow", [1, 1, 0, 0])
        took = []
        for caller in callers[PLACES:]:
            asked = time.monotonic()
            reply = await caller.ask(path_of("narrow"), body_of([2, 2, 0, 0]))
            took.append(time.monotonic() - asked)
            assert fault(reply) == (503, "overloaded")
            assert int(reply.headers["retry-after"]) >= 1
        assert not running.done()
        assert sorted(took)[len(took) // 2] < 5 * 0.05  # promised: 50 ms
        assert [predictions(await each) for each in accepted] == [[[2, 2]]] * PLACES


async def test_a_request_larger_than_all_places_is_admitted_where_nobody_waits(
    server: Server,
) -> None:
    rows = [[i, 0, 0, 0] for i in range(3 * PLACES + 1)]
    async with connected(server.url, 1) as [caller]:
        for model in ("narrow", "tiny"):  # in slices, and at once
            assert predictions(await (await sent(caller, model, *rows))) == answer(rows)


async def test_a_run_that_fails_fails_its_own_batch_and_no_later_one(server: Server) -> None:
    failed = server.failed_runs
    async with connected(server.url, 4) as callers:
        for poisoned in (True, False, True, False):
            rows = [[i, 0, 0, steered.POISON if poisoned and i == 2 else 0] for i in range(4)]
            pairs = zip(callers, rows, strict=True)
            replies = await asyncio.gather(*[await sent(c, "in-fours", row) for c, row in pairs])
            if poisoned:
                assert {fault(reply) for reply in replies} == {(500, "inference_failed")}
            else:
                assert [predictions(r) for r in replies] == [answer([row]) for row in rows]
    assert server.failed_runs == failed + 2


@pytest.mark.parametrize(
    ("model", "within_s"),
    [("narrow", 0.3), ("hasty", None)],
    ids=["of the request", "of the model"],
)
async def test_what_waits_beyond_its_deadline_is_told_in_time_and_never_reaches_the_model(
    server: Server, model: str, within_s: float | None
) -> None:
    failed = server.failed_runs
    async with connected(server.url, 7) as [first, next_one, *late]:
        running = await sent(first, model, LONGER, within_s=60)
        await seen(server.url)
        asked = time.monotonic()
        replies = await asyncio.gather(
            *await waiting(server, late, model, POISONED, within_s=within_s)
        )
        took = time.monotonic() - asked
        assert not running.done()
        assert {fault(reply) for reply in replies} == {(504, "deadline_exceeded")}
        assert 0.3 <= took < 0.3 + 5 * 0.25  # promised: at most 0.25 s late
        after = await sent(next_one, model, [1, 2, 0, 0], within_s=60)
        assert predictions(await after) == [[2, 4]]
        assert (await running).status == 200
    assert server.failed_runs == failed


async def test_a_deadline_is_kept_while_the_model_runs(server: Server) -> None:
    async with connected(server.url, 2) as [caller, other]:
        asked = time.monotonic()
        reply = await (await sent(caller, "steady", LONG, within_s=0.25))
        took = time.monotonic() - asked
        assert fault(reply) == (504, "deadline_exceeded")
        assert 0.25 <= took < 0.25 + 5 * 0.25
        assert predictions(await (await sent(other, "steady", [1, 2, 0, 0]))) == [[2, 4]]
