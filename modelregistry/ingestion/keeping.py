"""What the registry keeps of an opened model file: its bytes, its rows, and its facts as fields."""

import msgspec

from modelregistry.artifacts import ArtifactStore, Stored
from modelregistry.conversion.parity import HELDOUT, NO_PARITY, SAMPLES
from modelregistry.errors import DamagedArtifact
from modelregistry.formats.rows import Rows
from modelregistry.formats.runtime import FormatError
from modelregistry.ingestion.gate import Examined
from modelregistry.ingestion.source import Source, input_example, library_versions
from modelregistry.models import ModelVersion


def keep(files: ArtifactStore, source: Source, file: Stored) -> dict[str, object]:
    """Store the rows of a file that is stored; the fields of a version before it is converted."""
    ready = source.format == "onnx"
    return {
        "format": source.format,
        "runtime": "onnx" if ready else "sklearn",
        "state": ModelVersion.State.READY if ready else ModelVersion.State.CONVERTING,
        "source_sha256": file.sha256,
        "source_size": file.size,
        "onnx_sha256": file.sha256 if ready else "",
        "onnx_size": file.size if ready else None,
        "signature": source.signature.to_json(),
        "classes": None if source.classes is None else list(source.classes),
        "metrics": source.metrics,
        "parity": NO_PARITY.to_json(),
        "input_example": input_example(source),
        "samples_sha256": _keep_rows(files, source.samples, source.rows_from),
        "heldout_sha256": _keep_rows(files, source.heldout, HELDOUT),
        "library_versions": library_versions(),
    }


def keep_examined(files: ArtifactStore, found: Examined, file: Stored) -> dict[str, object]:
    """Store what the gate found, but for the file itself; the fields of a version that is ready.

    `file` is what was handed in, or what is kept in a pickle's place.
    """
    facts = keep(files, found.source, file) | {"state": ModelVersion.State.READY}
    if found.form is None:
        return facts
    facts |= {
        "signature": found.form.signature.to_json(),
        "parity": found.form.parity,
        "reason": found.form.reason,
    }
    if found.onnx is not None:
        form = files.put_stream([found.onnx])
        facts |= {"runtime": "onnx", "onnx_sha256": form.sha256, "onnx_size": form.size}
    return facts


def _keep_rows(files: ArtifactStore, rows: Rows | None, rows_from: str) -> str:
    """Rows that were given are kept, so that conversion can be repeated; made ones need not be."""
    if rows is None or rows_from not in (SAMPLES, HELDOUT):
        return ""
    return files.put(rows.to_json())


def kept_rows(files: ArtifactStore, sha256: str) -> Rows | None:
    """The rows kept under that name; None where none were. Raises DamagedArtifact."""
    if not sha256:
        return None
    try:
        return Rows.from_json(files.read(sha256))
    except (msgspec.DecodeError, ValueError, FormatError) as error:
        raise DamagedArtifact(f"The artifact {sha256[:12]} holds no rows.") from error
