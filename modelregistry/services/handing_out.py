"""What of a version is given out: which file, under which name, and what of its report."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from modelregistry.errors import NoArtifact, NoReport, NotChecked
from modelregistry.models import ModelVersion

ONNX, SOURCE = "onnx", "source"


@dataclass(frozen=True, slots=True)
class Artifact:
    sha256: str
    file_name: str  # of letters, digits, dot, dash and underscore


def artifact_of(version: ModelVersion, form: str) -> Artifact:
    """The version as ONNX, or the file that was handed in. Raises NoArtifact.

    A file that was not taken, or is not checked yet, is given to nobody.
    """
    if version.state != ModelVersion.State.READY:
        raise NoArtifact(f"{version} is {version.state}: its file is not given out.")
    name = f"{version.model.name}-{version.number}"
    if form == SOURCE:
        return Artifact(version.source_sha256, f"{name}.{version.format}")
    if not version.onnx_sha256:
        raise NoArtifact(f"{version} has no ONNX form; its source is at ?format=source.")
    return Artifact(version.onnx_sha256, f"{name}.onnx")


def report_of(version: ModelVersion) -> dict[str, Any]:
    """Its parity report as it is kept. Raises NotChecked while there is none yet, and NoReport."""
    if version.is_under_way:
        raise NotChecked(f"{version} is {version.state}: it is not checked yet.")
    if not version.parity:
        raise NoReport(f"{version} is {version.state}: there is no report of it.")
    report: dict[str, Any] = version.parity
    return report


def without_rows(report: Mapping[str, Any]) -> dict[str, Any]:
    """The report for those who may not see the rows that were handed in."""
    sets = [{k: v for k, v in part.items() if k != "worst"} for part in report.get("sets", ())]
    return {**report, "sets": sets}
