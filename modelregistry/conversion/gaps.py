"""In which columns may a row have no value? Found by leaving it out, never by what a model says.

A column counts where every answer is finite, and where there is an ONNX form, the same in both.
"""

import warnings
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TypeAlias

import msgspec
import numpy as np

from modelregistry.conversion.outcome import Conversion
from modelregistry.formats.estimators import Estimator, shaped
from modelregistry.formats.onnx_format import open_onnx
from modelregistry.formats.rows import Rows
from modelregistry.formats.runtime import FormatError, RowsRefused
from modelregistry.formats.signature import Tensor

MOST_ROWS = 64  # tried with a gap in each column
MOST_VALUES = 200_000  # in all of them, which wide rows come to soon
CLOSE = 1e-4  # absolute or relative
# What estimators and runtimes raise for rows they do not take.
UNANSWERED = (
    RowsRefused,
    FormatError,
    ArithmeticError,
    AttributeError,
    LookupError,
    TypeError,
    ValueError,
)

Takes: TypeAlias = Callable[[Rows], bool]


def with_missing(conversion: Conversion, estimator: Estimator, samples: Rows) -> Conversion:
    """The conversion, its signature saying where a value may be missing."""
    width = len(samples.columns)
    base = samples.first(min(MOST_ROWS, MOST_VALUES // width**2 + 1))
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")  # nobody handed these rows in
        places = _optional(_taking(conversion, estimator), base, range(width))
    missing = tuple(base.columns[place] for place in places)
    signature = msgspec.structs.replace(conversion.signature, missing=missing)
    return replace(conversion, signature=signature)


def _taking(conversion: Conversion, estimator: Estimator) -> Takes:
    """Whether rows are answered, by whoever will serve them as by the source."""
    data, signature = conversion.onnx, conversion.signature
    runtime = None if data is None else open_onnx(data, signature=signature)
    names = [spec.name for spec in signature.outputs]

    def takes(rows: Rows) -> bool:
        table = rows.matrix()
        try:
            ours = [shaped(estimator, spec, table) for spec in signature.outputs]
            theirs = runtime.run(rows.tensors(signature), names) if runtime else ours
        except UNANSWERED:
            return False
        return all(map(_alike, ours, theirs))

    return takes


def _optional(takes: Takes, base: Rows, places: Sequence[int]) -> list[int]:
    """By halving: mostly a model takes gaps in all columns, or in none."""
    if takes(_with_gaps(base, places)):
        return list(places)
    if len(places) == 1:
        return []
    middle = len(places) // 2
    return [*_optional(takes, base, places[:middle]), *_optional(takes, base, places[middle:])]


def _with_gaps(base: Rows, places: Sequence[int]) -> Rows:
    """The rows as they are, and each of them once for every place without its value there."""
    gapped = [(*row[:at], None, *row[at + 1 :]) for at in places for row in base.values]
    return Rows(columns=base.columns, values=(*base.values, *gapped))


def _alike(ours: Tensor, theirs: Tensor) -> bool:
    if ours.dtype.kind != "f":
        return bool(np.array_equal(ours, theirs))
    return bool(np.isfinite(ours).all() and np.allclose(theirs, ours, rtol=CLOSE, atol=CLOSE))
