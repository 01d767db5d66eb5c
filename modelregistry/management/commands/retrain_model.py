"""manage.py retrain_model: a worker fits a model anew; the version that comes of it waits, or
serves where it does better by as much as was asked.
"""

from argparse import ArgumentParser, ArgumentTypeError
from math import isfinite
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from jobs.errors import JobError
from jobs.models import Job
from modelregistry import services
from modelregistry.intake import tables
from modelregistry.management.arguments import text
from modelregistry.management.printing import read_file, told_once
from modelregistry.tasks import named_or_wrong


def margin(word: str) -> float:
    """A number from 0."""
    try:
        found = float(word)
    except ValueError:
        found = -1.0
    if not isfinite(found) or found < 0:
        raise ArgumentTypeError(f"{word!r} is no number from 0")
    return found


class Command(BaseCommand):
    help = (
        "Start a job that fits a model anew, measures the champion and the new version on the "
        "same held-out rows, and registers the new one. It learns from the rows of --rows, or "
        "from those that were handed in with the champion (register_model --samples FILE "
        "--target COLUMN). Prints the job's id alone."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("model", type=text, help="the model's name")
        parser.add_argument(
            "--rows", type=Path, help="rows to learn from: CSV, JSON lines or Parquet"
        )
        parser.add_argument(
            "--target", type=text, help="the column of those rows with the expected answers"
        )
        parser.add_argument(
            "--promote-if-better-by",
            type=margin,
            metavar="X",
            help=(
                "let the new version serve where its accuracy, or a regressor's R2, is better by "
                "at least this much; 0: where it is no worse"
            ),
        )

    def handle(self, *_: Any, **options: Any) -> None:
        with told_once():
            rows = _rows(options["rows"], options["target"])
            try:
                job = _start(options, rows)
            except JobError as error:
                raise CommandError(str(error)) from error
        self.stdout.write(str(job.pk))


def _start(options: dict[str, Any], rows: services.RowsHandedIn | None) -> Job:
    with named_or_wrong():
        return services.order_retraining(
            model_name=options["model"],
            actor=None,
            origin=Job.Origin.COMMAND,
            rows=rows,
            promote_if_better_by=options["promote_if_better_by"],
        )


def _rows(path: Path | None, target: str | None) -> services.RowsHandedIn | None:
    """Read here once, so that what is wrong with them is said at once. Raises RefusedFile."""
    if path is None and target is None:
        return None
    if path is None or target is None:
        raise CommandError("--rows and --target come together.")
    data = read_file(path)
    tables.read_rows(data, target=target)
    return services.RowsHandedIn([data], target)
