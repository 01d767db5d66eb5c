"""Has the real gate look at bytes, in a scratch folder of the test's own."""

from pathlib import Path
from typing import Any

from modelregistry.ingestion import wire
from modelregistry.ingestion.gate import Examined, examine
from modelregistry.intake.confinement import Limits

QUICK = Limits(memory_bytes=2 * 2**30, cpu_s=60, wall_s=90.0)


def examined(
    data: bytes, scratch: Path, *, limits: Limits = QUICK, pickle: bool = False, **given: Any
) -> Examined:
    def fill(folder: Path) -> None:
        (folder / wire.MODEL).write_bytes(data)

    request = wire.Request(pickle=pickle)
    return examine(request, fill=fill, scratch=scratch, limits=limits, **given)
