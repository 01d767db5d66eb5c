"""`make soak`: twenty minutes of all sorts of requests, and what the web processes hold meanwhile.

Its own `manage.py up` with two web processes. Bodies of 1 to 300 rows and some of thousands, for
all example models, of which one keeps its answers, in every spelling; some are wrong, some callers
hang up. Every answer is checked for its status and its number of rows. Ends with 1 where an answer
was wrong or missing, or where a process has gained more than 2 MB after the first quarter of the
time.
"""

import argparse
import asyncio
import json
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from random import Random
from typing import TypeAlias

import numpy as np
import uvloop

from benchmarks.caller import Caller
from benchmarks.memory import MB, MOST_GAINED, Watch, gains
from modelregistry.examples.training import CHURN_COLUMNS, churn_table
from predictions.measure.bodies import iris_rows
from tests.running import Stack, manage, running

SETTLING = 0.25  # of the time
SAMPLED_EVERY_S, TOLD_EVERY_S, HUNG_S = 5.0, 60.0, 60.0
BODIES = 600
LEAVING, LEAVES_WITHIN_S = 0.05, 0.05  # share of the callers, seconds
KEEP = """
from modelregistry import services

services.change_model(name="diabetes", changes={"cache_ttl_s": 60.0})
"""
Rows: TypeAlias = list[list[object]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    minutes: float = 20.0
    connections: int = 16
    pause_ms: float = 20.0
    seed: int = 7


@dataclass(frozen=True, slots=True)
class Asked:
    """A request, and the status and number of predictions of its right answer."""

    path: str
    body: bytes
    status: int = 200
    rows: int = 0


def main(arguments: Sequence[str] | None = None) -> int:
    options = parsed(arguments)
    with (
        tempfile.TemporaryDirectory(prefix="mlapi-soak-") as name,
        running(Path(name) / "data" / "var", MLAPI_WORKERS="2") as stack,
    ):
        kept = manage(stack.data_dir, "shell", "-v0", "-c", KEEP)
        assert kept.returncode == 0, kept.stderr
        return uvloop.run(soak(stack, options))


def parsed(arguments: Sequence[str] | None) -> Options:
    parser = argparse.ArgumentParser(prog="make soak", description=__doc__)
    given = Options()
    for field in ("minutes", "connections", "pause_ms", "seed"):
        default = getattr(given, field)
        parser.add_argument(f"--{field.replace('_', '-')}", type=type(default), default=default)
    return Options(**vars(parser.parse_args(arguments)))


async def soak(stack: Stack, options: Options) -> int:
    """The exit status."""
    random, outcomes = Random(options.seed), Counter[str]()
    asked = [made(random) for _ in range(BODIES)]
    watch, began = Watch(stack), time.monotonic()
    seconds, pause_s = options.minutes * 60, options.pause_ms / 1000
    with suppress(TimeoutError):  # the end of all of them
        async with asyncio.timeout(seconds), asyncio.TaskGroup() as tasks:
            for _ in range(options.connections):
                tasks.create_task(_ask(stack.base_url, asked, random, pause_s, outcomes))
            tasks.create_task(_watch(watch, outcomes))
    return report(watch, began + seconds * SETTLING, outcomes)


async def _watch(watch: Watch, outcomes: Counter[str]) -> None:
    told = time.monotonic()
    while True:
        await asyncio.to_thread(watch.look)
        if time.monotonic() >= told:
            told += TOLD_EVERY_S
            own = ", ".join(f"{s[-1].own / MB:.2f}" for s in watch.history.values())
            resident = ", ".join(f"{s[-1].resident / MB:.2f}" for s in watch.history.values())
            line = f"own {own} MB; resident {resident} MB; {dict(outcomes)}"
            print(time.strftime("%H:%M:%S"), line, flush=True)
        await asyncio.sleep(SAMPLED_EVERY_S)


async def _ask(
    url: str, asked: Sequence[Asked], random: Random, pause_s: float, outcomes: Counter[str]
) -> None:
    """Until it is cancelled."""
    caller = Caller(url)
    while True:
        one = random.choice(asked)
        if random.random() < LEAVING:
            outcomes[await left(caller, one, random)] += 1
        else:
            outcomes[await _outcome(caller, one)] += 1
        await asyncio.sleep(random.uniform(0, 2 * pause_s))


async def left(caller: Caller, asked: Asked, random: Random) -> str:
    """Hang up inside the body, or while the answer is waited for; `left`, or what is wrong."""
    try:
        await caller.send(asked.path, asked.body, sent=random.choice((0.5, 1.0)))
    except OSError:
        caller.leave()
        return f"closed: {asked.path}"
    await asyncio.sleep(random.uniform(0, LEAVES_WITHIN_S))
    caller.leave(rudely=random.random() < 0.5)
    return "left"


async def _outcome(caller: Caller, asked: Asked) -> str:
    """`right`, or what is wrong."""
    try:
        async with asyncio.timeout(HUNG_S):
            reply = await caller.ask(asked.path, asked.body)
    except TimeoutError:
        caller.leave()
        return f"hung: {asked.path}"
    except (EOFError, OSError):
        caller.leave()
        return f"closed: {asked.path}"
    if reply.status != asked.status:
        return f"{reply.status} for {asked.status}: {asked.path} {reply.body[:200]!r}"
    told = json.loads(reply.body)
    rows = len(told.get("predictions", [0])) if reply.status == 200 else 0
    return "right" if rows == asked.rows else f"{rows} rows for {asked.rows}: {asked.path}"


def report(watch: Watch, since: float, outcomes: Counter[str]) -> int:
    """Prints what there was; the exit status."""
    found = gains(watch.history, since=since)
    wrong = {outcome: n for outcome, n in outcomes.items() if outcome not in ("right", "left")}
    print(f"{outcomes['right']:,} right answers, {outcomes['left']:,} callers left")
    for each in chain(found, (f"{n} x {outcome}" for outcome, n in wrong.items())):
        print(each)
    grown = [each for each in found if each.gained > MOST_GAINED]
    print(f"promised: at most {MOST_GAINED / MB:.0f} MB each;", "BROKEN" if grown else "kept")
    return 1 if grown or wrong else 0


def made(random: Random) -> Asked:
    """One of all sorts."""
    kinds, weights = zip(*KINDS.items(), strict=True)
    kind: Callable[[Random], Asked] = random.choices(kinds, weights)[0]
    return kind(random)


def some_iris(random: Random) -> Asked:
    return _native("iris", _iris(random, random.randint(1, 300)))


def much_iris(random: Random) -> Asked:
    return _native("iris", _iris(random, random.randint(2000, 6000)))


def some_diabetes(random: Random) -> Asked:
    rows: Rows = [
        [random.uniform(-0.1, 0.1) for _ in range(10)] for _ in range(random.randint(1, 300))
    ]
    return _native("diabetes", rows)


def some_churn(random: Random) -> Asked:
    rows = _churn(random, random.randint(1, 300))
    return _native("churn", rows)


def named_churn(random: Random) -> Asked:
    named = [
        dict(zip(CHURN_COLUMNS, row, strict=True)) for row in _churn(random, random.randint(1, 100))
    ]
    return _post("/api/v1/models/churn/predict", {"rows": named}, rows=len(named))


def one_iris(random: Random) -> Asked:
    path = random.choice(("/predict-async", "/predict-batched", "/predict-sync"))
    return _post(path, {"features": _iris(random, 1)[0]}, rows=1)


def onnx_iris(random: Random) -> Asked:
    rows = _iris(random, random.randint(1, 300))
    return _post("/predict-onnx", {"features": rows}, rows=len(rows))


def batch_iris(random: Random) -> Asked:
    rows = _iris(random, random.randint(1, 300))
    return _post("/batch-predict", {"requests": [{"features": row} for row in rows]}, len(rows))


def broken(random: Random) -> Asked:
    return random.choice(
        (
            Asked("/predict-async", b'{"features": [1, 2', 400),
            Asked("/predict-async", b'{"features": [1, 2, "x", 4]}', 422),
            Asked("/api/v1/models/iris/predict", b'{"rows": [[1, 2, 3, 4], [1, 2, 3]]}', 422),
            Asked("/api/v1/models/nobody/predict", b'{"rows": [[1, 2, 3, 4]]}', 404),
            Asked("/api/v1/models/churn/predict", b'{"rows": []}', 422),
        )
    )


KINDS: dict[Callable[[Random], Asked], int] = {
    some_iris: 20, some_diabetes: 15, some_churn: 10, named_churn: 5, one_iris: 20, onnx_iris: 8,
    batch_iris: 8, much_iris: 3, broken: 10,
}  # fmt: skip


def _native(model: str, rows: Rows) -> Asked:
    return _post(f"/api/v1/models/{model}/predict", {"rows": rows}, rows=len(rows))


def _post(path: str, body: object, rows: int) -> Asked:
    return Asked(path, json.dumps(body).encode(), rows=rows)


def _iris(random: Random, count: int) -> Rows:
    return [list(row) for row in iris_rows(count, random)]


def _churn(random: Random, count: int) -> Rows:
    rows, _ = churn_table(np.random.default_rng(random.randrange(2**32)), count=count)
    made: Rows = rows.tolist()
    return made


if __name__ == "__main__":
    sys.exit(main())
