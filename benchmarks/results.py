"""What a run gave: medians over its rounds, as tables and as a JSON file."""

import json
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from importlib.metadata import version
from operator import attrgetter
from pathlib import Path
from statistics import median

from benchmarks.cases import Case
from benchmarks.sides import HELLO, LANE, TUTORIAL
from benchmarks.wrk import Run

PROMISED_LANE_RATIO = 2.5
EXPECTED_HELLO_RATIO = (4.0, 9.0)  # about six times the tutorial app, if the set-up is right


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """One run, and the processor time the server's processes spent in it for each request."""

    run: Run
    cpu_us_per_request: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """Medians over the rounds; `failed` is the sum.

    Processor time a request is the figure to trust where others use the machine too.
    """

    side: str
    model: str
    rows: int  # a request
    layout: str
    connections: int
    requests_per_s: float
    p50_ms: float
    p99_ms: float
    cpu_us_per_request: float
    failed: int
    rounds: tuple[Measured, ...]


def result(case: Case, rounds: Sequence[Measured]) -> Result:
    runs = [measured.run for measured in rounds]
    return Result(
        side=case.side.name,
        model=case.side.model,
        rows=case.side.rows,
        layout=case.layout.name,
        connections=case.connections,
        requests_per_s=median(run.requests_per_s for run in runs),
        p50_ms=median(run.p50_ms for run in runs),
        p99_ms=median(run.p99_ms for run in runs),
        cpu_us_per_request=median(measured.cpu_us_per_request for measured in rounds),
        failed=sum(run.failed for run in runs),
        rounds=tuple(rounds),
    )


def pick(results: Sequence[Result], **fields: object) -> Result:
    """The one result with these values. Raises ValueError where there are more or none."""
    found = [r for r in results if all(getattr(r, name) == v for name, v in fields.items())]
    if len(found) != 1:
        raise ValueError(f"{len(found)} results with {fields}")
    return found[0]


def ratio(side: Result, to: Result, figure: str = "requests_per_s") -> float:
    """How many times that figure: the median over pairs of runs that stood side by side."""
    pairs = zip(side.rounds, to.rounds, strict=True)
    read = attrgetter(figure)
    return float(median(read(a.run) / read(b.run) for a, b in pairs))


def times_cpu(side: Result, to: Result) -> float:
    """How many times the processor time a request, paired in the same way."""
    pairs = zip(side.rounds, to.rounds, strict=True)
    return median(a.cpu_us_per_request / b.cpu_us_per_request for a, b in pairs)


def doubts(race: Sequence[Result]) -> list[str]:
    """Why these figures should not be believed; empty where nothing speaks against them."""
    by_side = {r.side: r for r in race}
    times, (low, high) = ratio(by_side[HELLO], by_side[TUTORIAL]), EXPECTED_HELLO_RATIO
    if not low <= times <= high:
        found = f"hello-world is {times:.1f} times the tutorial app, not about 6: something else"
        return [f"{found} uses these cores, or one of the two is not set up right."]
    if (lane := ratio(by_side[LANE], by_side[TUTORIAL])) < PROMISED_LANE_RATIO:
        return [f"the lane is {lane:.1f} times the tutorial app, promised {PROMISED_LANE_RATIO}."]
    return []


def failures(results: Sequence[Result]) -> list[str]:
    return [
        f"{r.side} ({r.model}, {r.layout}, {r.connections}): {r.failed:,} requests failed."
        for r in results
        if r.failed
    ]


def save(
    folder: Path,
    options: Mapping[str, object],
    parts: Mapping[str, Sequence[object]],
    verdicts: Sequence[str],
) -> Path:
    """Write everything into a new file of `folder`, named after the time."""
    folder.mkdir(exist_ok=True)
    now = datetime.now().astimezone()
    path = folder / f"{now:%Y%m%d-%H%M%S}.json"
    record = {
        "at": now.isoformat(timespec="seconds"),
        "machine": {"cpu": cpu_name(), "python": platform.python_version()},
        "versions": {name: version(name) for name in ("uvicorn", "uvloop", "onnxruntime")},
        "options": dict(options),
        **parts,
        "promises": list(verdicts),
    }
    path.write_text(json.dumps(record, indent=2, default=asdict) + "\n")
    return path


def cpu_name() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor())
