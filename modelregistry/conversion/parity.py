"""The parity report: how an ONNX form's answers compare with its source's. Pure values."""

from collections.abc import Iterable
from math import isfinite
from typing import Any, Literal, TypeAlias

import msgspec

from modelregistry.conversion.budget import DEFAULT_BUDGET
from modelregistry.formats.plain import plain
from modelregistry.formats.rows import Scalar
from modelregistry.formats.runtime import ClassLabel
from modelregistry.formats.signature import Datatype

SAMPLES, HELDOUT, GENERATED = "samples", "held-out", "generated"  # where rows come from

Status = Literal["match", "mismatch", "none"]
Verdict = Literal["label", "number", "tie", "threshold", "within"]
Prediction: TypeAlias = ClassLabel | list[float]


class Bin(msgspec.Struct, frozen=True, kw_only=True):
    """How many rows differ by at most `up_to`, and by more than the bin before allows.

    The last bin's end is infinite, and so null in JSON.
    """

    up_to: float
    rows: int


class WorstRow(msgspec.Struct, frozen=True, kw_only=True):
    """One of the rows that differ most. `values` is None where a row is too wide to be kept."""

    row: int
    """Its place in its set, from 1."""
    verdict: Verdict
    values: tuple[Scalar, ...] | None
    source: Prediction
    onnx: Prediction
    difference: float


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """What is counted and measured, over one set of rows or several.

    A row is counted once: as a label mismatch, as beyond (a number out of tolerance), or as
    on_threshold, which is neither. `labels_on_threshold` are those label mismatches that lie on
    thresholds; on rows that decide they count all the same. The differences are of all rows;
    `threshold_diff` is the largest of those on_threshold.
    """

    rows: int = 0
    label_mismatches: int = 0
    labels_on_threshold: int = 0
    ties: int = 0
    beyond: int = 0
    on_threshold: int = 0
    max_abs_diff: float = 0.0
    mean_abs_diff: float = 0.0
    p99_abs_diff: float = 0.0
    threshold_diff: float = 0.0
    histogram: tuple[Bin, ...] = ()


class SetReport(Figures, frozen=True, kw_only=True):
    """The comparison over one set of rows; one that does not decide stands beside the budget."""

    name: str
    decides: bool = True
    worst: tuple[WorstRow, ...] = ()


class Latency(msgspec.Struct, frozen=True, kw_only=True):
    """Medians for one call with so many rows; None where it would have taken too long."""

    rows: int
    source_ms: float | None
    onnx_ms: float | None


class Form(msgspec.Struct, frozen=True, kw_only=True):
    """The ONNX form beside its source: what it is, how large, and how fast."""

    dtype: Datatype
    opset: int
    source_bytes: int | None
    onnx_bytes: int
    source_load_ms: float | None
    onnx_load_ms: float
    latency: tuple[Latency, ...]


class ParityReport(Figures, frozen=True, kw_only=True):
    """The whole comparison: figures over the sets that decide, each set, and the first answers."""

    status: Status
    no_finite_answer: bool = False
    """The source answers none of these rows with a number: that the form does the same proves
    nothing, and is no match.
    """
    tolerance: float = DEFAULT_BUDGET.tolerance
    allowed_mismatches: int = DEFAULT_BUDGET.allowed_mismatches
    rows_from: str = ""
    notes: tuple[str, ...] = ()
    sets: tuple[SetReport, ...] = ()
    first_source: tuple[Prediction, ...] = ()
    first_onnx: tuple[Prediction, ...] = ()
    form: Form | None = None

    @property
    def matches(self) -> bool:
        return self.status == "match"

    def with_sets(self, more: Iterable[SetReport], notes: Iterable[str]) -> "ParityReport":
        """More sets, which do not decide, and what is to be said of them."""
        return msgspec.structs.replace(self, sets=(*self.sets, *more), notes=(*self.notes, *notes))

    def with_form(self, form: Form) -> "ParityReport":
        return msgspec.structs.replace(self, form=form)

    def to_json(self) -> dict[str, Any]:
        """As it is kept; differences and answers that are not finite are null."""
        found: dict[str, Any] = plain(self)
        return found


NO_PARITY = ParityReport(status="none")


def in_words(difference: float | None) -> str:
    """A difference for people; None and infinity are one that is not finite."""
    if difference is None or not isfinite(difference):
        return "not finite"
    return f"{difference:,.0f}" if difference >= 1000 else f"{difference:.3g}"
