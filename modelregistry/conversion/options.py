"""What may be asked of a conversion: which precisions are tried, and which opset. Pure values."""

from typing import Literal

import msgspec

Precision = Literal["FP32", "FP64"]
LADDER: tuple[Precision, ...] = ("FP32", "FP64")
OPSET = 21
LOWEST_OPSET, HIGHEST_OPSET = 9, 22  # what skl2onnx writes and ONNX Runtime reads


class Options(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Precisions in the order in which they are tried; without `opset` the registry's own."""

    dtypes: tuple[Precision, ...] = LADDER
    opset: int | None = None

    def __post_init__(self) -> None:
        words = set(self.dtypes)
        if not words or not words <= set(LADDER) or len(words) < len(self.dtypes):
            raise ValueError("dtypes are FP32, FP64 or both, each once, in the order to try them")
        if self.opset is not None and not LOWEST_OPSET <= self.opset <= HIGHEST_OPSET:
            raise ValueError(
                f"opset is a whole number from {LOWEST_OPSET} to {HIGHEST_OPSET}: what the "
                "installed converter writes and the installed runtime reads"
            )


NO_OPTIONS = Options()
