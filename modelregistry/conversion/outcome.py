"""What came of a conversion; light enough for processes that never convert."""

from dataclasses import dataclass

from modelregistry.conversion.parity import ParityReport
from modelregistry.formats.signature import Signature


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversion:
    """What came of it. Without `onnx` the estimator serves itself, and `reason` says why."""

    onnx: bytes | None
    signature: Signature
    parity: ParityReport
    reason: str


def unwatched(step: str) -> None:
    """For callers to whom the steps of a conversion are nothing."""
