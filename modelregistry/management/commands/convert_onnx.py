"""manage.py convert_onnx: convert a registered version, or a file alone, and prove it."""

import sys
from argparse import ArgumentParser
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from modelregistry import services
from modelregistry.conversion.options import NO_OPTIONS, Options
from modelregistry.conversion.parity import ParityReport
from modelregistry.conversion.pickled import load_trusted_pickle
from modelregistry.ingestion.opening import convert_source, describe_estimator, read_source
from modelregistry.ingestion.source import Source
from modelregistry.intake.recognise import EXPORT_SKOPS, PICKLES, recognise
from modelregistry.management.arguments import (
    VersionReference,
    conversion_options,
    version_reference,
)
from modelregistry.management.printing import parity_json, read_file, read_rows, told_once
from modelregistry.management.proofs import proof_text
from modelregistry.models import ModelVersion

DISTRUSTED = (
    "This is a pickle or joblib file, or may be one: opening it runs whatever code it holds, here "
    "and with your rights. If you know who made it and trust them, add --trust-pickle. Otherwise "
    f"have it exported where the model was trained, with these two lines:\n{EXPORT_SKOPS}"
)


@dataclass(frozen=True, slots=True)
class Done:
    """What is printed: `reason` and `names` for programs, `shortfall` for people."""

    parity: ParityReport
    reason: str
    shortfall: str
    names: dict[str, str]


class Command(BaseCommand):
    help = (
        "Convert a scikit-learn model to ONNX and compare their answers: "
        "convert_onnx MODEL[:VERSION], or convert_onnx --file model.skops --output model.onnx. "
        "The exit code is 1 where they do not match."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("version", nargs="?", type=version_reference, help="MODEL[:VERSION]")
        parser.add_argument(
            "--file", type=Path, help="a .skops file, or joblib with --trust-pickle"
        )
        parser.add_argument("--output", type=Path, help="where the ONNX file goes")
        parser.add_argument(
            "--input-example", type=Path, help="rows to compare on: CSV, JSON lines or Parquet"
        )
        parser.add_argument(
            "--trust-pickle",
            action="store_true",
            help="open a pickle or joblib file: whatever code it holds runs, with your rights",
        )
        parser.add_argument("--dtypes", help="precisions in the order to try: FP32,FP64")
        parser.add_argument("--opset", type=int, help="of the ONNX form")
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *_: Any, **options: Any) -> None:
        _check_arguments(options)
        options["options"] = _options(options)
        with told_once():
            done = _convert_file(options) if options["file"] else _convert_version(options)
        if options["json"]:
            self.stdout.write(parity_json(done.parity, done.reason, **done.names))
        else:
            text = proof_text(done.parity, done.shortfall, terminal=self.stdout.isatty())
            self.stdout.write(text)
        if not done.parity.matches:
            sys.exit(1)


def _check_arguments(options: dict[str, Any]) -> None:
    alone = options["output"] or options["input_example"] or options["trust_pickle"]
    if bool(options["file"]) == bool(options["version"]):
        raise CommandError("Name either MODEL[:VERSION] or --file.")
    if options["file"] and not options["output"]:
        raise CommandError("--file needs --output: where the ONNX file goes.")
    if options["version"] and alone:
        raise CommandError("--output, --input-example and --trust-pickle belong to --file.")


def _options(options: dict[str, Any]) -> Options | None:
    try:
        return conversion_options(options["dtypes"], options["opset"])
    except ValueError as error:
        raise CommandError(f"This cannot be asked for: {error}.") from error


def _convert_version(options: dict[str, Any]) -> Done:
    reference: VersionReference = options["version"]
    version = ModelVersion.objects.find(reference.model, reference.number)
    done = services.convert(version=version, options=options["options"])
    name = str(done.version)
    shortfall = "" if done.parity.matches else f"{done.version.unproven} {done.reason}"
    return Done(done.parity, done.reason, shortfall, {"version": name})


def _convert_file(options: dict[str, Any]) -> Done:
    conversion = convert_source(_read(options), options=options["options"] or NO_OPTIONS)
    if conversion.onnx is None:
        return Done(conversion.parity, conversion.reason, f"No ONNX form: {conversion.reason}", {})
    try:
        options["output"].write_bytes(conversion.onnx)
    except OSError as error:
        raise CommandError(f"{options['output']} cannot be written: {error.strerror}.") from error
    return Done(conversion.parity, "", "", {"output": str(options["output"])})


def _read(options: dict[str, Any]) -> Source:
    data, rows = read_file(options["file"]), read_rows(options["input_example"])
    if recognise(data) not in PICKLES:
        return read_source(data, samples=rows)
    if not options["trust_pickle"]:
        raise CommandError(DISTRUSTED)
    return describe_estimator(load_trusted_pickle(data), samples=rows)
