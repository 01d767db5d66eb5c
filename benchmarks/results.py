"""What a race gave: medians over its rounds, as a table and as a JSON file."""

import json
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from statistics import median

from rich.box import SIMPLE_HEAD
from rich.table import Table

from benchmarks.wrk import Run

HELLO, TUTORIAL = "hello-world", "tutorial app"
LANE, PROMISED_LANE_RATIO = "/predict-async", 2.5
EXPECTED_HELLO_RATIO = (4.0, 9.0)  # about six times the tutorial app, if the set-up is right


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """One run, and the processor time the server's process spent in it for each request."""

    run: Run
    cpu_us_per_request: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """Medians over the rounds; `failed` is the sum.

    Processor time a request is the figure to trust where others use the machine too.
    """

    side: str
    requests_per_s: float
    p50_ms: float
    p99_ms: float
    cpu_us_per_request: float
    failed: int
    rounds: tuple[Measured, ...]


def result(side: str, rounds: Sequence[Measured]) -> Result:
    runs = [measured.run for measured in rounds]
    return Result(
        side=side,
        requests_per_s=median(run.requests_per_s for run in runs),
        p50_ms=median(run.p50_ms for run in runs),
        p99_ms=median(run.p99_ms for run in runs),
        cpu_us_per_request=median(measured.cpu_us_per_request for measured in rounds),
        failed=sum(run.failed for run in runs),
        rounds=tuple(rounds),
    )


def ratio(side: Result, to: Result) -> float:
    """How many times the requests/s: the median over pairs of runs that stood side by side."""
    pairs = zip(side.rounds, to.rounds, strict=True)
    return median(a.run.requests_per_s / b.run.requests_per_s for a, b in pairs)


def table(results: Sequence[Result]) -> Table:
    by_side = {r.side: r for r in results}
    shown = Table(box=SIMPLE_HEAD)
    shown.add_column("side", no_wrap=True)
    for column in ("requests/s", "p50 ms", "p99 ms", "CPU us", "x tutorial", "x hello", "failed"):
        shown.add_column(column, justify="right", no_wrap=True)
    for r in results:
        shown.add_row(
            r.side,
            f"{r.requests_per_s:,.0f}",
            f"{r.p50_ms:.2f}",
            f"{r.p99_ms:.2f}",
            f"{r.cpu_us_per_request:,.1f}",
            f"{ratio(r, by_side[TUTORIAL]):.2f}",
            f"{ratio(r, by_side[HELLO]):.2f}",
            f"{r.failed:,}",
        )
    return shown


def doubts(results: Sequence[Result]) -> list[str]:
    """Why these figures should not be believed; empty where nothing speaks against them."""
    by_side = {r.side: r for r in results}
    times, (low, high) = ratio(by_side[HELLO], by_side[TUTORIAL]), EXPECTED_HELLO_RATIO
    found = [f"{r.side}: {r.failed:,} requests failed." for r in results if r.failed]
    if not low <= times <= high:
        found.append(
            f"hello-world is {times:.1f} times the tutorial app, not about 6: something else "
            "uses these cores, or one of the two is not set up right."
        )
    elif (lane := ratio(by_side[LANE], by_side[TUTORIAL])) < PROMISED_LANE_RATIO:
        found.append(
            f"the lane is {lane:.1f} times the tutorial app, promised {PROMISED_LANE_RATIO}."
        )
    return found


def save(folder: Path, options: Mapping[str, int], results: Sequence[Result]) -> Path:
    """Write everything into a new file of `folder`, named after the time."""
    folder.mkdir(exist_ok=True)
    now = datetime.now().astimezone()
    path = folder / f"{now:%Y%m%d-%H%M%S}.json"
    record = {
        "at": now.isoformat(timespec="seconds"),
        "machine": {"cpu": cpu_name(), "python": platform.python_version()},
        "versions": {name: version(name) for name in ("uvicorn", "uvloop", "onnxruntime")},
        "options": dict(options),
        "results": [asdict(r) for r in results],
    }
    path.write_text(json.dumps(record, indent=2) + "\n")
    return path


def cpu_name() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor())
