"""Callers who ask without a pause and of whom some hang up, each answer held against its question.

The rows of no two requests are the same, unless they are to come again later, and the model's
answer tells the row and the version, so that an answer to somebody else, of another version or of
two at once is seen.
"""

import asyncio
import itertools
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from random import Random

from benchmarks.caller import Caller, Reply
from tests.service.steered import answer

HUNG_S = 60.0
LEAVES_WITHIN_S = 0.05
SIZES, WEIGHTS = (1, 2, 7, 40, 600), (80, 10, 6, 3, 1)  # rows of a request
NUMBERS = 2**20  # of rows, exact in 32 bits also after they are multiplied


@dataclass(frozen=True, slots=True, kw_only=True)
class Storm:
    """`leaving` is the share of callers who hang up. With `cycle`, the rows of that many requests
    come again and again. Without a number of requests it ends when it is told to.
    """

    url: str
    models: tuple[str, ...]
    connections: int = 64
    leaving: float = 0.0
    requests: int | None = None
    cycle: int | None = None
    seed: int = 7


@dataclass(slots=True)
class Outcome:
    """What became of the requests. `wrong` holds an example of each kind."""

    answered: int = 0
    left: int = 0
    failed: Counter[str] = field(default_factory=Counter)
    wrong: dict[str, str] = field(default_factory=dict)
    versions: Counter[int] = field(default_factory=Counter)

    @property
    def total(self) -> int:
        return self.answered + self.left + self.failed.total()

    def fail(self, kind: str, example: str) -> None:
        self.failed[kind] += 1
        self.wrong.setdefault(kind, example)

    def __str__(self) -> str:
        faults = ", ".join(f"{n:,} {kind}" for kind, n in self.failed.items()) or "none wrong"
        return f"{self.answered:,} answered, {self.left:,} left, {faults}"


async def blow(storm: Storm, over: asyncio.Event) -> Outcome:
    outcome = Outcome()
    numbers = itertools.count() if storm.requests is None else iter(range(storm.requests))
    async with asyncio.TaskGroup() as callers:
        for place in range(storm.connections):
            random = Random(storm.seed * 1000 + place)
            callers.create_task(_call(storm, numbers, over, random, outcome))
    return outcome


async def _call(
    storm: Storm, numbers: Iterator[int], over: asyncio.Event, random: Random, outcome: Outcome
) -> None:
    caller = Caller(storm.url)
    for number in numbers:
        if over.is_set():
            break
        path = f"/api/v1/models/{storm.models[number % len(storm.models)]}/predict"
        if random.random() < storm.leaving:
            await _leave(caller, path, rows_of(number, storm.cycle), random, outcome)
        else:
            await _ask(caller, path, number, rows_of(number, storm.cycle), outcome)
    caller.leave()


async def _leave(
    caller: Caller, path: str, rows: list[list[float]], random: Random, outcome: Outcome
) -> None:
    """Hang up inside the body, at once, or a little later, when the answer may be there."""
    sent = random.choice((random.random(), 1.0, 1.0))
    try:
        await caller.send(path, json.dumps({"rows": rows}).encode(), sent=sent)
    except OSError as error:
        caller.leave()
        outcome.fail("connection closed", repr(error))
        return
    await asyncio.sleep(random.choice((0.0, random.uniform(0, LEAVES_WITHIN_S))))
    caller.leave(rudely=random.random() < 0.5)
    outcome.left += 1


async def _ask(
    caller: Caller, path: str, number: int, rows: list[list[float]], outcome: Outcome
) -> None:
    name = f"request-{number}"
    body = json.dumps({"rows": rows}).encode()
    try:
        async with asyncio.timeout(HUNG_S):
            reply = await caller.ask(path, body, {"x-request-id": name})
    except TimeoutError:
        caller.leave()
        outcome.fail("hung", name)
    except (EOFError, OSError) as error:
        caller.leave()
        outcome.fail("connection closed", repr(error))
    else:
        _check(reply, name, rows, outcome)


def _check(reply: Reply, name: str, rows: list[list[float]], outcome: Outcome) -> None:
    told = json.loads(reply.body)
    if reply.status != 200:
        outcome.fail(f"status {reply.status}", str(told))
    elif told["request_id"] != name or told["predictions"] != answer(rows, version=told["version"]):
        outcome.fail("foreign", f"{name}: {rows[:3]} {reply.body[:300]!r}")
    else:
        outcome.answered += 1
        outcome.versions[told["version"]] += 1


def rows_of(number: int, cycle: int | None = None) -> list[list[float]]:
    """One row or several, of a request with that number: no other has the same."""
    turn = number if cycle is None else number % cycle
    (size,) = Random(turn).choices(SIZES, WEIGHTS)
    return [[turn % NUMBERS, at, 0, 0] for at in range(size)]
