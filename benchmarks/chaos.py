"""`make chaos`: callers hang up and versions are promoted under load; no answer may be wrong.

Its own `manage.py up` with two web processes, and models whose answers tell the row and the
version; one of them keeps its answers, and rows come again. Three acts: a tenth of 64 callers
hangs up, for a minute; a fifth, in 100,000 requests; 50 promotions under the load of 64, and the
memory of the web processes. Ends with 1 where an answer was foreign, missing or refused, or where a
process has gained more than 2 MB after the first minute of promotions.
"""

import argparse
import asyncio
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import httpx
import uvloop

from benchmarks.memory import MB, MOST_GAINED, Watch, gains
from benchmarks.storm import Outcome, Storm, blow
from tests.running import Stack, manage, running, until
from tests.service.steered import Served, files, register

QUICK, SLOW = "quick", "slow"  # answered on the event loop, and in small batches beside it
KEPT, KEPT_S = "kept", 2.0  # as slow, but what was answered lately is not run again
FEW, MANY = 50, 400  # requests whose rows come again: while they run, and later
SETTLING_S, SAMPLED_EVERY_S = 60.0, 1.0
MODELS = (
    Served(QUICK, files(2, idle_work=0)),
    Served(SLOW, files(2, idle_work=5), {"max_batch_rows": 16}),
    Served(KEPT, files(2, idle_work=5), {"max_batch_rows": 16, "cache_ttl_s": KEPT_S}),
)
NAMES = tuple(model.name for model in MODELS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    seconds: float = 60.0
    requests: int = 100_000
    promotions: int = 50
    every_s: float = 4.0
    connections: int = 64


def main(arguments: Sequence[str] | None = None) -> int:
    options = parsed(arguments)
    with (
        tempfile.TemporaryDirectory(prefix="mlapi-chaos-") as name,
        running(Path(name) / "data" / "var", MLAPI_WORKERS="2") as stack,
    ):
        register(stack.data_dir, *MODELS)
        until(lambda: stack.log.count(f"{KEPT} version 1 is live") == 2, 60, "all are live")
        return uvloop.run(chaos(stack, options))


def parsed(arguments: Sequence[str] | None) -> Options:
    parser = argparse.ArgumentParser(prog="make chaos", description=__doc__)
    given = Options()
    for field in Options.__dataclass_fields__:
        default = getattr(given, field)
        parser.add_argument(f"--{field.replace('_', '-')}", type=type(default), default=default)
    return Options(**vars(parser.parse_args(arguments)))


async def chaos(stack: Stack, options: Options) -> int:
    """The exit status."""
    connections = options.connections
    load = Storm(url=stack.base_url, models=NAMES, connections=connections, cycle=MANY)
    tenth = await lasting(replace(load, leaving=0.1, cycle=FEW), options.seconds)
    tell(f"a tenth of the callers leaves, for {options.seconds:.0f} s", tenth)
    fifth = await blow(replace(load, leaving=0.2, requests=options.requests), asyncio.Event())
    tell("a fifth of the callers leaves", fifth)
    key = manage(stack.data_dir, "create_api_key", "admin").stdout.strip()
    watch, began = Watch(stack), time.monotonic()
    async with watching(watch):
        swapped = await while_promoting(load, key, options.promotions, every_s=options.every_s)
    took = time.monotonic() - began
    tell(f"{options.promotions} promotions in {took:.0f} s", swapped)
    grown = grown_since(watch, began + min(SETTLING_S, took / 3))
    return 1 if grown or any(each.failed for each in (tenth, fifth, swapped)) else 0


async def lasting(storm: Storm, seconds: float) -> Outcome:
    over = asyncio.Event()
    asyncio.get_running_loop().call_later(seconds, over.set)
    return await blow(storm, over)


def tell(name: str, outcome: Outcome) -> None:
    print(f"{name}: {outcome}", flush=True)
    for kind, example in outcome.wrong.items():
        print(f"  {kind}: {example}")


def grown_since(watch: Watch, since: float) -> bool:
    """Whether a process has gained more than it may; prints what each has."""
    found = gains(watch.history, since=since)
    for each in found:
        print(each)
    most = max(each.gained for each in found)
    print(f"the most is {most / MB:.2f} MB, promised: at most {MOST_GAINED / MB:.0f} MB")
    return most > MOST_GAINED


async def while_promoting(storm: Storm, key: str, promotions: int, *, every_s: float) -> Outcome:
    """The storm, in which the two versions of each model take turns at serving."""
    over = asyncio.Event()
    load = asyncio.ensure_future(blow(storm, over))
    once = httpx.Limits(max_keepalive_connections=0)  # an idle connection may close meanwhile
    async with httpx.AsyncClient(
        base_url=f"{storm.url}/api/v1/models",
        headers={"Authorization": f"Bearer {key}"},
        limits=once,
        timeout=60,
    ) as rest:
        for turn in range(promotions):
            round_, at = divmod(turn, len(storm.models))
            await promote(rest, storm.models[at], version=2 - round_ % 2)
            await asyncio.sleep(every_s)
    over.set()
    return await load


async def promote(rest: httpx.AsyncClient, model: str, *, version: int) -> None:
    put = await rest.put(f"/{model}/aliases/champion/", json={"version": version})
    put.raise_for_status()


@asynccontextmanager
async def watching(watch: Watch) -> AsyncIterator[None]:
    """Memory is sampled inside."""

    async def look() -> None:
        while True:
            await asyncio.to_thread(watch.look)
            await asyncio.sleep(SAMPLED_EVERY_S)

    looking = asyncio.ensure_future(look())
    try:
        yield
    finally:
        looking.cancel()


if __name__ == "__main__":
    sys.exit(main())
