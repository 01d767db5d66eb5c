"""Asks a confined process to try something. As a module: the parent that a test may kill."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from modelregistry.conversion.outcome import unwatched
from modelregistry.intake.confinement import Limits
from modelregistry.intake.sandbox import Sandbox

MODULE = "tests.modelregistry.intake.attempts"
SMALL = Limits(memory_bytes=2**30, cpu_s=60, wall_s=90.0, file_bytes=10**6)


def attempt(
    folder: Path,
    name: str,
    about: object = "",
    *,
    limits: Limits = SMALL,
    step: Callable[[str], None] = unwatched,
) -> Any:
    sandbox = Sandbox(MODULE, folder=folder, limits=limits)
    return msgspec.json.decode(sandbox.ask(msgspec.json.encode((name, str(about))), step))


if __name__ == "__main__":
    attempt(Path(sys.argv[1]), "endless", step=lambda pid: print(pid, flush=True))
