"""Opens a model of either format. Web processes that run only ONNX never load scikit-learn."""

from typing import Literal

from modelregistry.formats.onnx_format import open_onnx
from modelregistry.formats.runtime import ClassLabel, Runtime
from modelregistry.formats.signature import Signature

RuntimeKind = Literal["onnx", "sklearn"]


def open_runtime(
    kind: RuntimeKind,
    data: bytes,
    *,
    signature: Signature,
    classes: tuple[ClassLabel, ...] | None = None,
) -> Runtime:
    """The model in `data`: ONNX for "onnx", .skops for "sklearn". Raises FormatError."""
    if kind == "onnx":
        return open_onnx(data, signature=signature, classes=classes)
    # Lazy: scikit-learn takes two seconds and 100 MB that an ONNX process does not need.
    from modelregistry.formats.skops_format import open_skops  # noqa: PLC0415

    return open_skops(data, signature=signature, classes=classes)
