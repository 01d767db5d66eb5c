"""What is found of each row when two models answer it: another label, a tie, a number too far off.

Pure.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from modelregistry.conversion import differences
from modelregistry.conversion.differences import Answers
from modelregistry.conversion.parity import Verdict
from modelregistry.conversion.thresholds import on_thresholds
from modelregistry.formats.rows import Rows
from modelregistry.formats.signature import Tensor

TIE = 1e-6  # two best scores this close: either label is right


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two models: what it answers, and how sure its labels are."""

    answers: Callable[[Rows], Answers]
    margins: Callable[[Rows], Tensor] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Marks:
    """One entry a row. A row is one of label, number and threshold, or none of them.

    `beside` are all rows on thresholds, those with another label among them; `empty` those to which
    the source has no finite answer.
    """

    label: Tensor
    number: Tensor
    tie: Tensor
    threshold: Tensor
    beside: Tensor
    empty: Tensor
    difference: Tensor

    def figures(self) -> dict[str, Any]:
        """The fields of a report's Figures."""
        return {
            "rows": len(self.difference),
            "label_mismatches": int(self.label.sum()),
            "labels_on_threshold": int((self.label & self.beside).sum()),
            "ties": int(self.tie.sum()),
            "beyond": int(self.number.sum()),
            "on_threshold": int(self.threshold.sum()),
            "max_abs_diff": float(self.difference.max(initial=0.0)),
            "mean_abs_diff": differences.mean(self.difference),
            "p99_abs_diff": differences.p99(self.difference),
            "threshold_diff": float(self.difference[self.threshold].max(initial=0.0)),
            "histogram": differences.histogram(self.difference),
        }

    def verdict(self, row: int) -> Verdict:
        found: tuple[Verdict, ...] = ("label", "number", "threshold", "tie")
        return next((name for name in found if getattr(self, name)[row]), "within")


def mark(
    source: Side, ours: Answers, theirs: Answers, rows: Rows, tolerance: float, *, decides: bool
) -> Marks:
    """`ours` are the source's answers to the rows, `theirs` those of the ONNX form.

    Another label counts even on a threshold where rows decide; a number out of tolerance does not.
    """
    flipped = differences.flipped(ours, theirs)
    tied = flipped & _tied(source, rows)
    beyond = ~differences.close(ours, theirs, tolerance)
    suspects = (flipped & ~tied) | beyond
    beside = on_thresholds(source.answers, theirs, rows, suspects, tolerance)
    label = flipped & ~tied & (decides | ~beside)
    return Marks(
        label=label,
        number=beyond & ~label & ~beside,
        tie=tied,
        threshold=beside & ~label,
        beside=beside,
        empty=differences.empty(ours),
        difference=differences.differences(ours, theirs),
    )


def together(marks: Sequence[Marks]) -> Marks:
    """Several sets of rows as one."""
    names = [field.name for field in fields(Marks)]
    return Marks(**{name: np.concatenate([getattr(m, name) for m in marks]) for name in names})


def _tied(source: Side, rows: Rows) -> Tensor:
    if source.margins is None:
        return np.zeros(len(rows), dtype=bool)
    return np.asarray(source.margins(rows) <= TIE, dtype=bool)
