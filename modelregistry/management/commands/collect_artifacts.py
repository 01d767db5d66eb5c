"""manage.py collect_artifacts: delete the files that no version and no job needs."""

import json
from argparse import ArgumentParser, ArgumentTypeError
from dataclasses import asdict
from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.template.defaultfilters import filesizeformat
from django.utils import timezone
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from modelregistry import services
from modelregistry.management.printing import told_once
from modelregistry.services import MAY_BE_RETRIED_FOR, Collected

MOST_HOURS = 1_000_000


def hours(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = -1
    if not 0 <= number <= MOST_HOURS:
        raise ArgumentTypeError(f"{text!r} is no number of hours")
    return number


class Command(BaseCommand):
    help = (
        "Delete the model files, and rows kept beside them, that no version names and no job "
        "needs, and what uploads that were cut off have left. A job needs its files until it has "
        f"succeeded; one that failed, was cancelled or died, for {MAY_BE_RETRIED_FOR.days} days, "
        "or until a retry of it has succeeded."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--older-than",
            type=hours,
            default=24.0,
            metavar="HOURS",
            help="only what was put longer ago (24): a file comes before the row that names it, so "
            "less than the longest upload or job takes is safe only while nothing runs",
        )
        parser.add_argument("--dry-run", action="store_true", help="delete nothing, only count")
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *_: Any, **options: Any) -> None:
        found = _collected(options)
        if options["json"]:
            self.stdout.write(json.dumps({"dry_run": options["dry_run"], **asdict(found)}))
        else:
            self.stdout.write("\n".join(_lines(found, options)))


def _collected(options: dict[str, Any]) -> Collected:
    put_before = timezone.now() - timedelta(hours=options["older_than"])
    try:
        with told_once(), _progress_bar(quiet=options["json"]) as bar:
            task = bar.add_task("files", total=None)
            return services.collect(
                put_before=put_before,
                dry_run=options["dry_run"],
                step=lambda done, total: bar.update(task, completed=done, total=total),
            )
    except OSError as error:
        raise CommandError(f"The files cannot be collected: {error.strerror}.") from error


def _lines(found: Collected, options: dict[str, Any]) -> list[str]:
    verb = "Would delete" if options["dry_run"] else "Deleted"
    files, drafts = _counted(found.files, "file"), _counted(found.drafts, "draft")
    named, age = _counted(found.named, "file"), f"{options['older_than']:g} hours"
    return [
        f"{verb} {files} that nothing names ({_size(found.file_bytes)}).",
        f"{verb} {drafts} of uploads that were cut off ({_size(found.draft_bytes)}).",
        f"Kept {named} that versions or jobs name, and {found.young} younger than {age}.",
    ]


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _size(in_bytes: int) -> str:
    return filesizeformat(in_bytes).replace("\xa0", " ")


def _progress_bar(*, quiet: bool) -> Progress:
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    hidden = quiet or not console.is_terminal
    return Progress(*columns, console=console, disable=hidden, transient=True)
