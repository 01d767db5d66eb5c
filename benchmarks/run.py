"""`make bench`: mlapi's lane beside hello-world and the tutorial app, one server core, wrk.

Rounds are interleaved over the sides and medians are shown; under 25 % apart is noise.
"""

import argparse
import contextlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from benchmarks import wrk
from benchmarks.iris import Iris, iris
from benchmarks.results import Measured, Result, doubts, result, save, table
from benchmarks.servers import HERE, ROOT, TUTORIAL_PYTHON, NotServing, Running, Server, serving
from benchmarks.sides import Side, WrongAnswer, mlapi_environment, sides

ROWS = 1000
WARM_UP_S = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    rounds: int = 5
    seconds: int = 4
    connections: int = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Lane:
    """Where a side is to be loaded."""

    side: Side
    server: Running
    script: Path


def main(argv: Sequence[str] | None = None) -> int:
    options = read_options(argv)
    console = Console() if sys.stdout.isatty() else Console(width=100)
    missing = unmet_needs()
    if missing:
        print(f"bench: {missing}", file=sys.stderr)
        return 2
    try:
        with tempfile.TemporaryDirectory(prefix="mlapi-bench-") as folder:
            results = race(options, Path(folder), lambda text: console.print(text, style="dim"))
    except (NotServing, WrongAnswer) as fault:
        print(f"bench: {fault}", file=sys.stderr)
        return 1
    return show(console, options, results)


def show(console: Console, options: Options, results: Sequence[Result]) -> int:
    """Print and save; the exit code is 1 where requests failed."""
    console.print(table(results))
    numbers = {name: getattr(options, name) for name in Options.__slots__}
    path = save(HERE / "results", numbers, results)
    console.print(f"All runs: {path.relative_to(ROOT)}", style="dim")
    for doubt in doubts(results):
        console.print(doubt, style="red")
    return 1 if any(r.failed for r in results) else 0


def read_options(argv: Sequence[str] | None) -> Options:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    for name in Options.__slots__:
        default = getattr(Options(), name)
        parser.add_argument(f"--{name}", type=int, default=default, help=f"default {default}")
    return Options(**vars(parser.parse_args(argv)))


def unmet_needs() -> str | None:
    if not wrk.installed():
        return wrk.MISSING
    if not TUTORIAL_PYTHON.exists():
        return "the tutorial app is not installed; start with: make bench"
    return None


def race(options: Options, folder: Path, say: Callable[[str], None]) -> list[Result]:
    """Set everything up, check every side's answers, measure, tear everything down."""
    say("training the forest, preparing mlapi's data")
    model = iris(ROWS)
    (folder / "iris.onnx").write_bytes(model.onnx)
    prepare_mlapi(folder)
    taking_part = sides(model, folder)
    server_cpu, client_cpu = cores()
    with contextlib.ExitStack() as stack:
        lanes = open_lanes(stack, taking_part, folder, server_cpu)
        check_and_warm(lanes, model, client_cpu, say)
        return measure(lanes, options, client_cpu, say)


def cores() -> tuple[int, int]:
    """One for the server, one for wrk; the same one where there is no second."""
    usable = sorted(os.sched_getaffinity(0))
    return usable[0], usable[-1]


def prepare_mlapi(folder: Path) -> None:
    """Tables and example models in the race's own data folder. Raises NotServing."""
    environment = {**os.environ, **mlapi_environment(folder)}
    (folder / "prometheus").mkdir()
    for command in (["migrate", "--verbosity=0"], ["register_examples"]):
        argv = [sys.executable, "manage.py", *command]
        done = subprocess.run(
            argv, cwd=ROOT, env=environment, check=False, capture_output=True, text=True
        )
        if done.returncode != 0:
            raise NotServing(f"manage.py {command[0]} failed: {done.stderr[-2000:]}")


def open_lanes(
    stack: contextlib.ExitStack, taking_part: Sequence[Side], folder: Path, cpu: int
) -> list[Lane]:
    """Start every server once and write every side's script."""
    running: dict[str, Running] = {}
    lanes: list[Lane] = []
    for number, side in enumerate(taking_part):
        server: Server = side.server
        if server.name not in running:
            log = folder / f"{server.name}.log"
            running[server.name] = stack.enter_context(serving(server, cpu=cpu, log=log))
        script = folder / f"{number}.lua"
        script.write_text(wrk.script(side.bodies))
        lanes.append(Lane(side=side, server=running[server.name], script=script))
    return lanes


def check_and_warm(
    lanes: Sequence[Lane], model: Iris, cpu: int, say: Callable[[str], None]
) -> None:
    for lane in lanes:
        say(f"checking {lane.side.name}")
        lane.side.check(lane.server.url, model.labels)
        load(lane, Options(seconds=WARM_UP_S), cpu)


def measure(
    lanes: Sequence[Lane], options: Options, cpu: int, say: Callable[[str], None]
) -> list[Result]:
    runs: dict[str, list[Measured]] = {lane.side.name: [] for lane in lanes}
    for number in range(1, options.rounds + 1):
        for lane in lanes:
            measured = load(lane, options, cpu)
            runs[lane.side.name].append(measured)
            say(f"round {number}: {lane.side.name} {measured.run.requests_per_s:,.0f} requests/s")
    return [result(name, rounds) for name, rounds in runs.items()]


def load(lane: Lane, options: Options, cpu: int) -> Measured:
    url, before = lane.server.url + lane.side.path, lane.server.cpu_s()
    run = wrk.run(
        url, lane.script, connections=options.connections, seconds=options.seconds, cpu=cpu
    )
    used = lane.server.cpu_s() - before
    return Measured(run=run, cpu_us_per_request=used / max(1, run.requests) * 1e6)


if __name__ == "__main__":
    sys.exit(main())
