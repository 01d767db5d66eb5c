"""Having a file looked at that nobody vouches for: the gate's confined process does it."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import msgspec
from django.conf import settings

from modelregistry.conversion.outcome import unwatched
from modelregistry.formats.rows import Rows
from modelregistry.ingestion import gate, wire
from modelregistry.ingestion.gate import Examined, examine
from modelregistry.ingestion.lessons import RowsFile
from modelregistry.models import ModelVersion, RegisteredModel
from modelregistry.services.converting import budget_of
from modelregistry.services.storing import store


@dataclass(frozen=True, slots=True, kw_only=True)
class Handed:
    """A model and rows that are in memory."""

    model: bytes
    samples: Rows | None = None

    def request(self) -> wire.Request:
        return wire.Request(samples=self.samples is not None)

    def fill(self, folder: Path) -> None:
        (folder / wire.MODEL).write_bytes(self.model)
        if self.samples is not None:
            (folder / wire.SAMPLES).write_bytes(self.samples.to_json())


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """A version's file, and its file of rows, as they were handed in and kept."""

    version: ModelVersion

    def request(self) -> wire.Request:
        handed_in = self.version.handed_in
        return wire.Request(table="samples" in handed_in, target=handed_in.get("target"))

    def fill(self, folder: Path) -> None:
        """Raises DamagedArtifact."""
        store().copy_to(self.version.source_sha256, folder / wire.MODEL)
        if "samples" in self.version.handed_in:
            store().copy_to(self.version.handed_in["samples"], folder / wire.TABLE)


def look_at(
    what: Handed | Kept,
    *,
    model: RegisteredModel | None,
    step: Callable[[str], None] = unwatched,
) -> Examined:
    """What the file is, held against the model's budget where there is a model already.

    Raises RefusedFile.
    """
    request = msgspec.structs.replace(what.request(), pickle=settings.MLAPI.allow_pickle)
    if model is not None:
        request = msgspec.structs.replace(request, budget=budget_of(model))
    return examine(request, fill=what.fill, scratch=settings.INTAKE_DIR, step=step)


def read_table(file: RowsFile, *, step: Callable[[str], None] = unwatched) -> Rows:
    """The rows in a kept file; `step` hears that it is read, again and again: it may raise.

    Raises RefusedFile, Unconfined, DamagedArtifact, StoreUnavailable.
    """

    def fill(folder: Path) -> None:
        store().copy_to(file.sha256, folder / wire.TABLE)

    return gate.read_table(
        wire.Table(target=file.target), fill=fill, scratch=settings.INTAKE_DIR, step=step
    )
