"""How the registry's commands print versions, and say what went wrong in one line."""

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError

from modelregistry.conversion.parity import ParityReport, in_words
from modelregistry.errors import RegistryError
from modelregistry.formats.rows import Rows
from modelregistry.formats.runtime import FormatError
from modelregistry.ingestion.libraries import library_differences
from modelregistry.intake import tables
from modelregistry.models import CHAMPION, ModelVersion


@contextmanager
def told_once() -> Iterator[None]:
    """What the registry refuses ends the command with its message and exit code 1.

    The registry's log is silent below warnings: the command prints the same.
    """
    log = logging.getLogger("modelregistry")
    level = log.level
    log.setLevel(logging.WARNING)
    try:
        yield
    except (RegistryError, FormatError) as error:
        raise CommandError(str(error)) from error
    finally:
        log.setLevel(level)


def moved_in_words(version: ModelVersion, alias: str) -> str:
    if alias == CHAMPION:
        return f"{version} serves now."
    return f"{version.model.name}@{alias} points to version {version.number} now."


def read_file(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise CommandError(f"{path} cannot be read: {error.strerror}.") from error


def read_rows(path: Path | None, *, target: str | None = None) -> Rows | None:
    return None if path is None else tables.read_rows(read_file(path), target=target)


def summary_line(version: ModelVersion) -> str:
    parity = version.parity
    proof = f"parity {parity['status']}"
    if parity["status"] == "match" and parity["on_threshold"]:
        beside = f"{parity['on_threshold']} of {parity['rows']} rows on thresholds of the model"
        proof += f" but for {beside} (largest difference {in_words(parity['max_abs_diff'])})"
    elif parity["rows"]:
        largest = in_words(parity["max_abs_diff"])
        proof += f" over {parity['rows']} rows, largest difference {largest}"
    return f"{version} {version.state} on {version.get_runtime_display()}, {proof}"


def library_lines(version: ModelVersion) -> list[str]:
    """A warning for every other library, a note where only its patch number differs."""
    return [
        f"{'Note' if difference.calm else 'Warning'}: {difference.sentence}"
        for difference in library_differences(version)
    ]


def parity_json(parity: ParityReport, reason: str, **more: Any) -> str:
    return json.dumps({**more, "match": parity.matches, "reason": reason, **parity.to_json()})
