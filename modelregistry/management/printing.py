"""How the registry's commands print versions and proofs, and say what went wrong in one line."""

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError

from modelregistry.conversion.parity import ParityReport, Prediction, in_words
from modelregistry.errors import RegistryError
from modelregistry.formats.rows import Rows
from modelregistry.formats.runtime import FormatError
from modelregistry.intake.tables import read_csv
from modelregistry.models import ModelVersion


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


def read_file(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise CommandError(f"{path} cannot be read: {error.strerror}.") from error


def read_rows(path: Path | None, *, target: str | None = None) -> Rows | None:
    return None if path is None else read_csv(read_file(path), target=target)


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


def parity_lines(parity: ParityReport, shortfall: str) -> list[str]:
    """The proof for people, its verdict last."""
    lines = [] if not shortfall else [shortfall]
    if parity.rows:
        sets = ", ".join(f"{part.rows} {part.name}" for part in parity.sets)
        lines += [
            f"Rows compared: {sets}",
            f"Label mismatches: {parity.label_mismatches} (ties beside them: {parity.ties})",
            f"Answers not within {parity.tolerance:g}, absolute or relative: {parity.beyond}",
            f"Largest difference: {in_words(parity.max_abs_diff)}",
            *(f"{note}. They do not count against the match." for note in parity.notes),
            f"First predictions, scikit-learn: {_listed(parity.first_source)}",
            f"First predictions, ONNX:         {_listed(parity.first_onnx)}",
        ]
    return [*lines, f"Match: {parity.matches}"]


def parity_json(parity: ParityReport, reason: str, **more: Any) -> str:
    return json.dumps({**more, "match": parity.matches, "reason": reason, **parity.to_json()})


def _listed(predictions: tuple[Prediction, ...]) -> str:
    return json.dumps(predictions)
