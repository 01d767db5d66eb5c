"""A version as serving knows it."""

from dataclasses import dataclass
from typing import Any, Literal

from modelregistry.audience import Audience
from modelregistry.formats.runtime import ClassLabel
from modelregistry.formats.signature import Signature
from modelregistry.models.serving import Serving


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveVersion:
    """All that serving needs to know of a version; artifacts are read from the store by sha256."""

    model: str
    task: str
    audience: Audience
    version: int
    version_id: int
    runtime: Literal["onnx", "sklearn"]
    artifact_sha256: str
    source_sha256: str | None  # the .skops source; None where there is none
    signature: Signature
    classes: tuple[ClassLabel, ...] | None
    example: tuple[Any, ...]  # a row the model takes, columns left to right
    size_bytes: int
    serving: Serving
