"""The files of the registry's versions, where the settings put them."""

from collections.abc import Iterable
from typing import Literal

from django.conf import settings
from django.core.files.storage import storages

from modelregistry.artifacts import ArtifactStore, LocalFolder, Stored
from modelregistry.errors import DamagedArtifact
from modelregistry.formats.kept import KeptRows
from modelregistry.formats.rows import Rows
from modelregistry.formats.runtime import FormatError
from modelregistry.ingestion.keeping import kept_rows
from modelregistry.models import ModelVersion
from modelregistry.storage.adapter import DjangoFiles

RowSet = Literal["samples", "held-out"]


def store() -> ArtifactStore:
    """Over the storage named "artifacts" if there is one, or over the folder of this machine.

    Django makes that storage once in a process; the rest holds nothing.
    """
    folder = settings.ARTIFACT_DIR
    if "artifacts" in settings.STORAGES:
        return ArtifactStore(DjangoFiles(storages["artifacts"], drafts=folder))
    return ArtifactStore(LocalFolder(folder))


def put_upload(chunks: Iterable[bytes]) -> Stored:
    """Keep a file that somebody hands in. Raises TooLarge, and OSError where the disk is full."""
    return store().put_stream(chunks, limit=settings.LARGEST_UPLOAD)


def sample_rows(version: ModelVersion) -> Rows | None:
    """The rows that came with the version. Raises DamagedArtifact."""
    return kept_rows(store(), version.samples_sha256)


def unread_rows(version: ModelVersion, which: RowSet) -> KeptRows | None:
    """Its rows for whoever wants only the first, or one after the other; None where it has none.

    Close them. Raises DamagedArtifact.
    """
    sha256 = version.samples_sha256 if which == "samples" else version.heldout_sha256
    if not sha256:
        return None
    try:
        return KeptRows(store().open(sha256))  # which is closed where it fails
    except FormatError as error:
        raise DamagedArtifact(
            f"The artifact {sha256[:12]} holds no rows as they are kept."
        ) from error
