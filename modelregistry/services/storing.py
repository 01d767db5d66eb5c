"""The files of the registry's versions, where the settings put them."""

from django.conf import settings

from modelregistry.artifacts import ArtifactStore
from modelregistry.formats.rows import Rows
from modelregistry.ingestion.keeping import kept_rows
from modelregistry.models import ModelVersion


def store() -> ArtifactStore:
    return ArtifactStore(settings.ARTIFACT_DIR)


def sample_rows(version: ModelVersion) -> Rows | None:
    """The rows that came with the version. Raises DamagedArtifact."""
    return kept_rows(store(), version.samples_sha256)
