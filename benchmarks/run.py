"""`make bench`: mlapi's lane beside hello-world, the tutorial app and a DRF view; wrk is the load.

Rounds are interleaved over what is compared and medians are shown; under 25 % apart is noise.
Parts: race (one row of a small model, one server core, 64 connections), grid (three models, 1 to
256 connections, one core and two workers), scaling (two workers beside one) and overload (open
loop, at capacity and at three times that). With two workers on two cores wrk shares them.
"""

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from rich.console import Console

from benchmarks import promises, wrk
from benchmarks.parts import PARTS, Figures, Options, measure_parts
from benchmarks.results import doubts, failures, save
from benchmarks.servers import BENCH_PYTHON, HERE, ROOT, NotServing
from benchmarks.sides import WrongAnswer
from benchmarks.tables import grid_table, overload_table, race_table, scaling_table


def main(argv: Sequence[str] | None = None) -> int:
    options = read_options(argv)
    console = Console() if sys.stdout.isatty() else Console(width=120)
    missing = unmet_needs()
    if missing:
        print(f"bench: {missing}", file=sys.stderr)
        return 2
    try:
        with tempfile.TemporaryDirectory(prefix="mlapi-bench-") as folder:
            figures = measure_parts(
                options, Path(folder), lambda text: console.print(text, style="dim")
            )
    except (NotServing, WrongAnswer) as fault:
        print(f"bench: {fault}", file=sys.stderr)
        return 1
    return show(console, options, figures)


def read_options(argv: Sequence[str] | None) -> Options:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    default = Options()
    parser.add_argument(
        "--only", nargs="+", choices=PARTS, default=default.only, help="parts; default: all"
    )
    parser.add_argument("--rounds", type=int, help="of each part; default: as it needs")
    parser.add_argument("--seconds", type=int, help="of each run; default: as its part needs")
    parser.add_argument(
        "--connections", type=int, nargs="+", default=default.connections, help="of the grid"
    )
    return Options(**vars(parser.parse_args(argv)))


def unmet_needs() -> str | None:
    if not wrk.installed():
        return wrk.MISSING
    if not BENCH_PYTHON.exists():
        return "the tutorial app is not installed; start with: make bench"
    return None


def show(console: Console, options: Options, figures: Figures) -> int:
    """Print and save; the exit code is 1 where requests failed. A promise missed is only said."""
    verdicts = [str(verdict) for verdict in promised(figures)]
    path = save(HERE / "results", asdict(options), asdict(figures), verdicts)
    print_tables(console, figures)
    console.print(f"All runs: {path.relative_to(ROOT)}", style="dim")
    if figures.grid:
        console.print(f"Drawn: {draw(path).relative_to(ROOT)}", style="dim")
    failed = failures([*figures.race, *figures.grid, *figures.scaling])
    for doubt in [*failed, *doubted(figures)]:
        console.print(doubt, style="red")
    for verdict in verdicts:
        console.print(verdict, style="bold red" if "MISSED" in verdict else "green")
    return 1 if failed else 0


def doubted(figures: Figures) -> list[str]:
    of_race = doubts(figures.race) if figures.race else []
    return [*of_race, *(figures.overload.doubts() if figures.overload else ())]


def promised(figures: Figures) -> list[promises.Verdict]:
    said: list[promises.Verdict] = []
    if figures.race:
        said.extend(promises.of_race(figures.race))
    if figures.scaling:
        said.extend(promises.of_scaling(figures.scaling))
    if figures.overload:
        said.extend(promises.of_overload(figures.overload))
    return said


def print_tables(console: Console, figures: Figures) -> None:
    if figures.race:
        console.print(race_table(figures.race))
    if figures.grid:
        console.print(grid_table(figures.grid))
    if figures.scaling:
        console.print(scaling_table(figures.scaling))
    if figures.overload:
        console.print(overload_table(figures.overload))


def draw(results: Path) -> Path:
    """The grid as a picture beside its figures, by the Python that has a plotting library."""
    picture = results.with_suffix(".png")
    argv = [str(BENCH_PYTHON), str(HERE / "plot.py"), str(results), str(picture)]
    subprocess.run(argv, check=True, timeout=60)
    return picture


if __name__ == "__main__":
    sys.exit(main())
