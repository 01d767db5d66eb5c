"""manage.py benchmark: synchronous against asynchronous, scikit-learn against ONNX Runtime."""

import sys
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

import msgspec
import uvloop
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError
from rich.console import Console

from modelregistry.errors import RegistryError
from modelregistry.formats.opening import open_runtime
from modelregistry.formats.rows import Rows
from modelregistry.formats.runtime import FormatError, Runtime
from modelregistry.models import ModelVersion
from modelregistry.services import store
from predictions.management.arguments import http_url, positive
from predictions.management.tables import batches_table, heading, routes_table, show
from predictions.measure.bodies import encode_in_turn, iris_rows, matrix, one_row
from predictions.measure.comparisons import (
    BatchComparison,
    RouteComparison,
    compare_routes,
    compare_runtimes,
)
from predictions.measure.errors import Unreachable
from predictions.measure.load import Plan, check_reachable

SEED = 20
DIFFERENT_ROWS = 2048
TENSOR_ROWS = 32
START = "Start it with `make run`, or name a server with --url."


class NothingToCompare(Exception):
    """The registry does not hold both forms of the default model; says what is missing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """Both forms of one version, and rows it knows."""

    version: str
    sklearn: Runtime
    onnx: Runtime
    rows: Rows


class Command(BaseCommand):
    help = (
        "Measure ONNX Runtime against scikit-learn, in process by batch size and through the "
        "routes, and /predict-sync against /predict-async on a running server. Without a server "
        "the in-process part is still measured."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--url", type=http_url, help="the server's base address")
        parser.add_argument("--requests", type=positive, default=2000, help="a route, in all")
        parser.add_argument("--concurrency", type=positive, default=32)
        parser.add_argument("--json", action="store_true", help="print JSON and nothing else")

    def handle(self, **options: Any) -> None:
        base = (options["url"] or settings.MLAPI.base_url).rstrip("/")
        console = Console(stderr=True, quiet=options["json"])
        with console.status("in process"):
            batches, version = self.in_process()
        with console.status(f"through {base}"):
            routes = self.through(base, options["requests"], options["concurrency"])
        if not batches and not routes:
            raise CommandError("nothing could be measured.", returncode=2)
        self.write(batches, version, routes, as_json=options["json"])
        if any(r.ratio is None for r in routes):
            sys.exit(1)

    def in_process(self) -> tuple[list[BatchComparison], str]:
        try:
            pair = pair_of(settings.DEFAULT_MODEL)
        except (NothingToCompare, RegistryError, FormatError) as error:
            self.stderr.write(f"In process: {error}")
            return [], ""
        except DatabaseError:
            self.stderr.write("In process: the registry is empty. `make run` fills it.")
            return [], ""
        warnings.filterwarnings("ignore", message="`sklearn.utils.parallel.delayed` should be")
        return compare_runtimes(pair.sklearn, pair.onnx, pair.rows), pair.version

    def through(self, base: str, requests: int, concurrency: int) -> list[RouteComparison]:
        try:
            check_reachable(base)
        except Unreachable as error:
            self.stderr.write(f"Routes: {error} {START}")
            return []
        return uvloop.run(measure_routes(base, requests, concurrency))

    def write(
        self,
        batches: Sequence[BatchComparison],
        version: str,
        routes: Sequence[RouteComparison],
        *,
        as_json: bool,
    ) -> None:
        if as_json:
            measured = {"version": version, "in_process": list(batches), "routes": list(routes)}
            self.stdout.write(msgspec.json.encode(measured).decode())
            return
        if batches:
            show(self.stdout, heading(f"{version} in process"), batches_table(batches))
        if routes:
            show(self.stdout, heading("Through HTTP"), routes_table(routes))
        else:
            self.stdout.write(f"Through HTTP: skipped, no server answers. {START}")


async def measure_routes(base: str, requests: int, concurrency: int) -> list[RouteComparison]:
    """The routes that exist for comparison, each beside its fast sibling, for the same rows."""
    rows = iris_rows(DIFFERENT_ROWS, Random(SEED))  # noqa: S311 (rows, not secrets)
    single, tensor = encode_in_turn(rows, 1, one_row), encode_in_turn(rows, 1, matrix)
    tensors = encode_in_turn(rows, TENSOR_ROWS, matrix)
    compared = (
        ("one row", "/predict-sync", "/predict-async", single),
        ("one row", "/predict-sklearn", "/predict-onnx", tensor),
        (f"{TENSOR_ROWS} rows", "/predict-sklearn", "/predict-onnx", tensors),
    )
    return [
        await compare_routes(
            subject,
            Plan(url=base + slow, bodies=bodies, requests=requests, concurrency=concurrency),
            Plan(url=base + fast, bodies=bodies, requests=requests, concurrency=concurrency),
        )
        for subject, slow, fast, bodies in compared
    ]


def pair_of(model: str) -> Pair:
    """The champion's two forms. Raises NothingToCompare, RegistryError, FormatError."""
    version = ModelVersion.objects.find(model)
    live = version.live()
    if not (live.source_sha256 and version.onnx_sha256 and version.samples_sha256):
        raise NothingToCompare(f"{version} lacks its source, its ONNX form or sample rows.")
    files = store()
    onnx, source = files.read(version.onnx_sha256), files.read(live.source_sha256)
    return Pair(
        version=str(version),
        sklearn=open_runtime("sklearn", source, signature=live.signature, classes=live.classes),
        onnx=open_runtime("onnx", onnx, signature=live.signature, classes=live.classes),
        rows=Rows.from_json(files.read(version.samples_sha256)),
    )
