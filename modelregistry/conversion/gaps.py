"""In which columns may a row have no value? Found by leaving it out, never by what a model says.

A column counts where every answer is finite, and where there is an ONNX form, the same in both.
"""

import warnings
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TypeAlias

import msgspec
import numpy as np

from modelregistry.conversion.differences import Answers, count_of
from modelregistry.conversion.marking import mark
from modelregistry.conversion.outcome import Conversion
from modelregistry.conversion.proving import sides
from modelregistry.formats.estimators import Estimator, shaped
from modelregistry.formats.onnx_format import open_onnx
from modelregistry.formats.rows import Rows
from modelregistry.formats.runtime import REFUSALS
from modelregistry.formats.signature import Tensor

MOST_ROWS = 64  # tried with a gap in each column
MOST_VALUES = 200_000  # in all of them, which wide rows come to soon
MOST_COLUMNS = 2000  # a wider row is tried with no gap: that takes minutes

Wrong: TypeAlias = Callable[[Rows], Tensor]


def with_missing(conversion: Conversion, estimator: Estimator, samples: Rows) -> Conversion:
    """The conversion, its signature saying where a value may be missing."""
    width = len(samples.columns)
    if width > MOST_COLUMNS:
        return conversion
    base = samples.first(min(MOST_ROWS, MOST_VALUES // width**2 + 1))
    wrong = _wrong(conversion, estimator)
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")  # nobody handed these rows in
        whole = _right(wrong, base)  # others would speak against gaps
        places = _optional(wrong, whole, range(width)) if whole else []
    missing = tuple(base.columns[place] for place in places)
    signature = msgspec.structs.replace(conversion.signature, missing=missing)
    return replace(conversion, signature=signature)


def _wrong(conversion: Conversion, estimator: Estimator) -> Wrong:
    """Which rows have no finite answer, or another one by the form that will serve; those on
    thresholds may have that.
    """
    data, signature = conversion.onnx, conversion.signature
    if data is None:
        return lambda rows: _not_finite(
            {spec.name: shaped(estimator, spec, rows.matrix()) for spec in signature.outputs}
        )
    source, onnx = sides(estimator, open_onnx(data, signature=signature))

    def wrong(rows: Rows) -> Tensor:
        ours, theirs = source.answers(rows), onnx.answers(rows)
        marks = mark(source, ours, theirs, rows, conversion.parity.tolerance, decides=False)
        return np.asarray(_not_finite(ours) | marks.label | marks.number, dtype=bool)

    return wrong


def _not_finite(answers: Answers) -> Tensor:
    """One entry a row."""
    bad = np.zeros(count_of(answers), dtype=bool)
    for found in answers.values():
        if found.dtype.kind == "f":
            bad |= ~np.isfinite(found).reshape(len(bad), -1).all(axis=1)
    return bad


def _right(wrong: Wrong, base: Rows) -> Rows | None:
    """Those with the right answer as they are; None where there is none."""
    try:
        places = np.flatnonzero(~wrong(base))
    except REFUSALS:
        return None
    return base.at(places.tolist()) if len(places) else None


def _takes(wrong: Wrong, rows: Rows) -> bool:
    try:
        return not wrong(rows).any()
    except REFUSALS:
        return False


def _optional(wrong: Wrong, base: Rows, places: Sequence[int]) -> list[int]:
    """By halving: mostly a model takes gaps in all columns, or in none."""
    if _takes(wrong, _with_gaps(base, places)):
        return list(places)
    if len(places) == 1:
        return []
    middle = len(places) // 2
    return [*_optional(wrong, base, places[:middle]), *_optional(wrong, base, places[middle:])]


def _with_gaps(base: Rows, places: Sequence[int]) -> Rows:
    """The rows as they are, and each of them once for every place without its value there."""
    gapped = [(*row[:at], None, *row[at + 1 :]) for at in places for row in base.values]
    return Rows(columns=base.columns, values=(*base.values, *gapped))
