"""The parts of a run, one after the other: what they need is set up once for all of them."""

import contextlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks import cases, wrk
from benchmarks.cases import Case, Layout, Models
from benchmarks.models import MODELS, MOST
from benchmarks.overload import Overload, overload
from benchmarks.product import Installation, install, surroundings, web
from benchmarks.results import Measured, Result, result
from benchmarks.servers import BENCH_PYTHON, HERE, Running, Server, asgi, serving
from benchmarks.sides import HELLO, PRODUCT, Side, hello, native, tutorial, tutorial_server

NEEDED = {  # models, by part
    "race": ("small",),
    "grid": cases.SIZES,
    "scaling": ("small", "large"),
    "overload": ("dear",),
}
PARTS = tuple(NEEDED)
WARM_UP_S, WARM_UPS = 1, 5
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Turns:
    """How often each case is measured, and how long. Seconds."""

    rounds: int
    seconds: int


USUAL = {
    "race": Turns(rounds=5, seconds=3),
    "grid": Turns(rounds=2, seconds=1),
    "scaling": Turns(rounds=5, seconds=2),
    "overload": Turns(rounds=3, seconds=3),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    only: Sequence[str] = PARTS
    rounds: int | None = None
    seconds: int | None = None
    connections: Sequence[int] = (1, 16, 64, 256)

    def turns(self, part: str) -> Turns:
        usual = USUAL[part]
        return Turns(rounds=self.rounds or usual.rounds, seconds=self.seconds or usual.seconds)


@dataclass(slots=True, kw_only=True)
class Figures:
    """What each part gave; empty where it was left out."""

    race: list[Result] = field(default_factory=list)
    grid: list[Result] = field(default_factory=list)
    scaling: list[Result] = field(default_factory=list)
    overload: Overload | None = None


def measure_parts(options: Options, folder: Path, say: Say) -> Figures:
    """Set everything up, check every side's answers, measure, tear everything down."""
    say("training the models, preparing mlapi's data")
    sizes = {size for part in options.only for size in NEEDED[part]}
    models = {size: make() for size, make in MODELS.items() if size in sizes}
    for model in models.values():
        (folder / f"{model.name}.onnx").write_bytes(model.onnx)
    installation = install(folder / "data", list(models.values()))
    with contextlib.ExitStack() as stack:
        stack.enter_context(surroundings(installation, folder / "valkey.log"))
        return Course(stack, installation, models, folder, say).measure(options)


class Course:
    """Servers and scripts, started and written when a case first needs them."""

    def __init__(
        self,
        stack: contextlib.ExitStack,
        installation: Installation,
        models: Models,
        folder: Path,
        say: Say,
    ) -> None:
        self._stack = stack
        self._installation = installation
        self._models = models
        self._folder = folder
        self._say = say
        self._running: dict[tuple[str, Layout], Running] = {}
        self._scripts: dict[str, Path] = {}

    def measure(self, options: Options) -> Figures:
        figures, headers = Figures(), self._installation.headers
        if "race" in options.only:
            figures.race = self._rounds(cases.race(self._models, headers), options.turns("race"))
        if "grid" in options.only:
            wanted = cases.grid(self._models, headers, options.connections)
            figures.grid = self._rounds(wanted, options.turns("grid"))
        if "scaling" in options.only:
            wanted = cases.scaling(self._models, headers)
            figures.scaling = self._rounds(wanted, options.turns("scaling"))
        if "overload" in options.only:
            figures.overload = self._overload(options.turns("overload"))
        return figures

    def _rounds(self, wanted: Sequence[Case], turns: Turns) -> list[Result]:
        """All cases once, then all again, and so on."""
        self._check_and_warm(wanted)
        runs: dict[str, list[Measured]] = {case.name: [] for case in wanted}
        for number in range(1, turns.rounds + 1):
            for case in wanted:
                measured = self._load(case, turns.seconds)
                runs[case.name].append(measured)
                self._say(f"round {number}: {case.name}: {measured.run.requests_per_s:,.0f}/s")
        return [result(case, runs[case.name]) for case in wanted]

    def _overload(self, turns: Turns) -> Overload:
        """Requests that take long to run: refusals cost less, and few are as much as can be."""
        side = native(self._models["dear"], self._installation.headers, rows=MOST)
        case = Case(side=side, layout=cases.one_core(), connections=cases.RACING)
        self._check_and_warm([case])
        self._say(f"overload: {case.name}")
        return overload(
            self._server(case),
            side,
            capacity_per_s=self._load(case, turns.seconds).run.requests_per_s,
            rounds=turns.rounds,
            seconds=turns.seconds,
            cpus=case.layout.load,
        )

    def _check_and_warm(self, wanted: Iterable[Case]) -> None:
        once = {
            (case.side.name, case.side.model, case.side.rows, case.layout): case for case in wanted
        }
        for case in once.values():
            self._say(f"checking {case.name}")
            case.side.check(self._server(case).url)
            for _ in range(WARM_UPS):  # one is enough, unless a second worker is still loading
                if not self._load(case, WARM_UP_S).run.failed:
                    break

    def _load(self, case: Case, seconds: int) -> Measured:
        server = self._server(case)
        url, before = server.url + case.side.path, server.cpu_s()
        run = wrk.run(
            url,
            self._script(case.side),
            connections=case.connections,
            seconds=seconds,
            cpus=case.layout.load,
        )
        used = server.cpu_s() - before
        return Measured(run=run, cpu_us_per_request=used / max(1, run.requests) * 1e6)

    def _server(self, case: Case) -> Running:
        name, layout = case.side.server, case.layout
        if (name, layout) not in self._running:
            server = self._web(layout) if name == PRODUCT else self._other(name)
            log = self._folder / f"{name} {layout.name}.log"
            started = serving(server, cpus=layout.server, log=log)
            self._running[name, layout] = self._stack.enter_context(started)
        return self._running[name, layout]

    def _web(self, layout: Layout) -> Server:
        return self._stack.enter_context(web(self._installation, workers=layout.workers))

    def _other(self, name: str) -> Server:
        if name == HELLO:
            body = hello(self._models["small"]).bodies[0]
            return asgi(name, "benchmarks.hello:application", probe=("/", body))
        model = next(m for m in self._models.values() if tutorial_server(m) == name)
        return asgi(
            name,
            "tutorial_app:app",
            probe=("/predict", tutorial(model).bodies[0]),
            python=BENCH_PYTHON,
            folder=HERE,
            environment={"BENCH_MODEL": str(self._folder / f"{model.name}.onnx")},
        )

    def _script(self, side: Side) -> Path:
        name = f"{side.name} {side.model} {side.rows}".replace("/", "")
        if name not in self._scripts:
            self._scripts[name] = self._folder / f"{name}.lua"
            self._scripts[name].write_text(wrk.script(side.bodies, side.headers))
        return self._scripts[name]
