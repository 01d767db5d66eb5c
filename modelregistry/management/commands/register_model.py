"""manage.py register_model: a model file from this machine becomes a version."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from modelregistry import services
from modelregistry.management.arguments import text
from modelregistry.management.printing import (
    library_lines,
    read_file,
    read_rows,
    summary_line,
    told_once,
)


class Command(BaseCommand):
    help = "Register a .skops or .onnx file as a new version of a model, made if it is missing."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path, help="the model: .skops, or .onnx")
        parser.add_argument("--model", type=text, required=True, help="the model's name")
        parser.add_argument("--promote", action="store_true", help="let it serve at once")
        parser.add_argument(
            "--samples",
            type=Path,
            help=(
                "rows to prove the conversion on, in CSV, JSON lines or Parquet; kept, as a "
                "retraining learns from them"
            ),
        )
        parser.add_argument(
            "--target",
            type=text,
            help="the column of those rows with the expected answers; needed to retrain the model",
        )

    def handle(self, *_: Any, **options: Any) -> None:
        if options["target"] is not None and options["samples"] is None:
            raise CommandError("--target names a column of --samples: give both.")
        with told_once():
            version = services.register_file(
                model_name=options["model"],
                data=read_file(options["file"]),
                samples=read_rows(options["samples"], target=options["target"]),
            )
            self.stdout.write(summary_line(version))
            if version.reason:
                self.stdout.write(f"No ONNX form: {version.reason}")
            if options["promote"]:
                services.promote(version=version, reason="registered with --promote")
                self.stdout.write(f"{version} serves now.")
        for line in library_lines(version):
            self.stderr.write(line)
