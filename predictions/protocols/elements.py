"""What JSON may stand for a tensor's element, as msgspec types: bounds are checked while decoding.

A number that is not finite once it is cast to the datatype is refused: the bound is the first
double that rounds to infinity. Types are built from values here, which annotations cannot say.
"""

from collections.abc import Sequence
from types import GenericAlias
from typing import Annotated, Any

from msgspec import Meta

from modelregistry.formats.signature import Datatype, TensorSpec

_annotated: Any = Annotated
_FP32_INFINITE = 3.4028235677973366e38
_FP16_INFINITE = 65520.0
_INT64_MAX = 2**63 - 1  # msgspec's bounds end here, for UINT64 too


def _between(low: int, high: int) -> Any:
    return Annotated[int, Meta(ge=low, le=high)]


ELEMENTS: dict[Datatype, Any] = {
    "BOOL": bool,
    "BYTES": str,
    "FP64": float,
    "FP32": Annotated[float, Meta(gt=-_FP32_INFINITE, lt=_FP32_INFINITE)],
    "FP16": Annotated[float, Meta(gt=-_FP16_INFINITE, lt=_FP16_INFINITE)],
    "INT8": _between(-(2**7), 2**7 - 1),
    "INT16": _between(-(2**15), 2**15 - 1),
    "INT32": _between(-(2**31), 2**31 - 1),
    "INT64": _between(-(2**63), _INT64_MAX),
    "UINT8": _between(0, 2**8 - 1),
    "UINT16": _between(0, 2**16 - 1),
    "UINT32": _between(0, 2**32 - 1),
    "UINT64": _between(0, _INT64_MAX),
}


def array_of(element: Any) -> Any:
    """Any number of elements."""
    return GenericAlias(list, (element,))


def some(element: Any) -> Any:
    """At least one element."""
    return _annotated[array_of(element), Meta(min_length=1)]


def vector(spec: TensorSpec) -> Any:
    """Exactly the values one row holds in this tensor."""
    exactly = Meta(min_length=spec.width, max_length=spec.width)
    return _annotated[array_of(ELEMENTS[spec.datatype]), exactly]


def tuple_of(elements: Sequence[Any]) -> Any:
    """One element of each kind, in this order."""
    return GenericAlias(tuple, tuple(elements))
