"""What the registry keeps of an opened model file: its bytes, its rows, and its facts as fields."""

from modelregistry.artifacts import ArtifactStore
from modelregistry.conversion.parity import HELDOUT, NO_PARITY, SAMPLES
from modelregistry.formats.rows import Rows
from modelregistry.ingestion.source import Source, input_example, library_versions
from modelregistry.models import ModelVersion


def keep(files: ArtifactStore, source: Source, data: bytes) -> dict[str, object]:
    """Store the file and its rows; the fields of a version before it is converted."""
    sha256 = files.put(data)
    ready = source.format == "onnx"
    return {
        "format": source.format,
        "runtime": "onnx" if ready else "sklearn",
        "state": ModelVersion.State.READY if ready else ModelVersion.State.CONVERTING,
        "source_sha256": sha256,
        "source_size": len(data),
        "onnx_sha256": sha256 if ready else "",
        "onnx_size": len(data) if ready else None,
        "signature": source.signature.to_json(),
        "classes": None if source.classes is None else list(source.classes),
        "metrics": source.metrics,
        "parity": NO_PARITY.to_json(),
        "input_example": input_example(source),
        "samples_sha256": _keep_rows(files, source.samples, source.rows_from),
        "heldout_sha256": _keep_rows(files, source.heldout, HELDOUT),
        "library_versions": library_versions(),
    }


def _keep_rows(files: ArtifactStore, rows: Rows | None, rows_from: str) -> str:
    """Rows that were given are kept, so that conversion can be repeated; made ones need not be."""
    if rows is None or rows_from not in (SAMPLES, HELDOUT):
        return ""
    return files.put(rows.to_json())


def kept_rows(files: ArtifactStore, sha256: str) -> Rows | None:
    """The rows kept under that name; None where none were."""
    return Rows.from_json(files.read(sha256)) if sha256 else None
