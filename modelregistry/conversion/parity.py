"""Do two models answer alike? Compares a source with its ONNX form, row by row. Pure."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from math import isfinite
from typing import Any, Literal, TypeAlias

import msgspec
import numpy as np

from modelregistry.formats.plain import plain
from modelregistry.formats.rows import Rows
from modelregistry.formats.runtime import ClassLabel
from modelregistry.formats.signature import Tensor

TOLERANCE = 1e-4  # absolute or relative, for every number in an answer
TIE = 1e-6  # two best scores this close: either label is right
FIRST = 5
MOST_SUSPECTS = 1000  # a conversion that is worse is not saved by its neighbours
SAMPLES, HELDOUT, GENERATED = "samples", "held-out", "generated"  # where rows come from

Answers: TypeAlias = dict[str, Tensor]
Status = Literal["match", "mismatch", "none"]
Prediction: TypeAlias = ClassLabel | list[float]


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two models: what it answers, and how sure its labels are."""

    answers: Callable[[Rows], Answers]
    margins: Callable[[Rows], Tensor] | None = None


class SetReport(msgspec.Struct, frozen=True, kw_only=True):
    """The comparison over one set of rows. `beyond` counts rows with a number out of tolerance.

    A row is counted once: as a label mismatch, as beyond, or as on_threshold, which is neither.
    `max_abs_diff` is of all rows, `threshold_diff` of those on thresholds.
    """

    name: str
    rows: int
    label_mismatches: int
    ties: int
    beyond: int
    on_threshold: int
    max_abs_diff: float
    threshold_diff: float

    @property
    def matches(self) -> bool:
        return self.label_mismatches == 0 and self.beyond == 0


class ParityReport(msgspec.Struct, frozen=True, kw_only=True):
    """The whole comparison: sums over the sets, each set, and the first answers of both."""

    status: Status
    rows: int = 0
    label_mismatches: int = 0
    ties: int = 0
    beyond: int = 0
    on_threshold: int = 0
    max_abs_diff: float = 0.0
    threshold_diff: float = 0.0
    tolerance: float = TOLERANCE
    rows_from: str = ""
    notes: tuple[str, ...] = ()
    sets: tuple[SetReport, ...] = ()
    first_source: tuple[Prediction, ...] = ()
    first_onnx: tuple[Prediction, ...] = ()

    @property
    def matches(self) -> bool:
        return self.status == "match"

    def to_json(self) -> dict[str, Any]:
        """As it is kept; differences and answers that are not finite are null."""
        found: dict[str, Any] = plain(self)
        return found


NO_PARITY = ParityReport(status="none")


def compare(
    source: Side, onnx: Side, sets: Iterable[tuple[str, Rows]], *, rows_from: str
) -> ParityReport:
    """Both models over every named set of rows; the first five answers are the first set's."""
    named = [(name, rows) for name, rows in sets if len(rows)]
    reports = tuple(_compare_set(source, onnx, name, rows) for name, rows in named)
    first = named[0][1].first(FIRST)
    count = sum(report.rows for report in reports)
    beside = sum(report.on_threshold for report in reports)
    leap = max(report.threshold_diff for report in reports)
    return ParityReport(
        status="match" if all(report.matches for report in reports) else "mismatch",
        rows=count,
        label_mismatches=sum(report.label_mismatches for report in reports),
        ties=sum(report.ties for report in reports),
        beyond=sum(report.beyond for report in reports),
        on_threshold=beside,
        max_abs_diff=max(report.max_abs_diff for report in reports),
        threshold_diff=leap,
        rows_from=rows_from,
        notes=(_on_thresholds_in_words(beside, count, leap),) if beside else (),
        sets=reports,
        first_source=_predictions(source.answers(first)),
        first_onnx=_predictions(onnx.answers(first)),
    )


def _compare_set(source: Side, onnx: Side, name: str, rows: Rows) -> SetReport:
    ours, theirs = source.answers(rows), onnx.answers(rows)
    flipped, difference = _flipped(ours, theirs), _differences(ours, theirs)
    tied = flipped & _tied(source, rows)
    beyond = ~_close(ours, theirs)
    beside = _on_thresholds(source, theirs, rows, (flipped & ~tied) | beyond)
    flipped = flipped & ~tied & ~beside
    return SetReport(
        name=name,
        rows=len(rows),
        label_mismatches=int(flipped.sum()),
        ties=int(tied.sum()),
        beyond=int((beyond & ~flipped & ~beside).sum()),
        on_threshold=int(beside.sum()),
        max_abs_diff=float(difference.max(initial=0.0)),
        threshold_diff=float(difference[beside].max(initial=0.0)),
    )


def in_words(difference: float | None) -> str:
    """A difference for people; None and infinity are one that is not finite."""
    if difference is None or not isfinite(difference):
        return "not finite"
    return f"{difference:,.0f}" if difference >= 1000 else f"{difference:.3g}"


def _on_thresholds_in_words(beside: int, count: int, leap: float) -> str:
    # Without scores a classifier differs in its labels alone.
    how = f"the answers differ by up to {in_words(leap)}" if leap else "the labels differ"
    lie = "lies" if beside == 1 else "lie"
    where = f"{beside} of {count} rows {lie} within one float32 step of a split of the model"
    return f"{where}: there {how}"


def _flipped(ours: Answers, theirs: Answers) -> Tensor:
    """Rows whose labels differ."""
    if "label" not in ours:
        return np.zeros(_rows(ours), dtype=bool)
    return np.asarray(ours["label"] != theirs["label"], dtype=bool).reshape(-1)


def _tied(source: Side, rows: Rows) -> Tensor:
    if source.margins is None:
        return np.zeros(len(rows), dtype=bool)
    return np.asarray(source.margins(rows) <= TIE, dtype=bool)


def _differences(ours: Answers, theirs: Answers) -> Tensor:
    """The largest absolute difference of any number in each row's answer."""
    worst = np.zeros(_rows(ours))
    for name in ours.keys() - {"label"}:
        source, onnx = ours[name].astype(np.float64), theirs[name].astype(np.float64)
        with np.errstate(invalid="ignore"):  # infinity from infinity
            gap = np.abs(source - onnx)
        gap = np.where((source == onnx) | (np.isnan(source) & np.isnan(onnx)), 0.0, gap)
        worst = np.maximum(worst, np.nan_to_num(gap, nan=np.inf).max(axis=1, initial=0.0))
    return worst


def _close(ours: Answers, theirs: Answers) -> Tensor:
    """Rows in which every number is within tolerance, absolute or relative."""
    close = np.ones(_rows(ours), dtype=bool)
    for name in ours.keys() - {"label"}:
        absolute = np.isclose(theirs[name], ours[name], rtol=0, atol=TOLERANCE, equal_nan=True)
        relative = np.isclose(theirs[name], ours[name], rtol=TOLERANCE, atol=0, equal_nan=True)
        close &= (absolute | relative).all(axis=1)
    return close


def _on_thresholds(source: Side, theirs: Answers, rows: Rows, suspects: Tensor) -> Tensor:
    """Those suspects whose ONNX answer the source gives too, one float32 step away."""
    beside = np.zeros(len(rows), dtype=bool)
    numeric = np.flatnonzero(~np.array(rows.textual, dtype=bool))
    if not suspects.any() or not len(numeric):
        return beside
    table = rows.matrix()
    magnitude = np.abs(table[:, numeric].astype(np.float64)).max(axis=0)
    step = np.spacing(np.nan_to_num(magnitude).astype(np.float32)).astype(np.float64)
    for index in np.flatnonzero(suspects)[:MOST_SUSPECTS]:
        around = Rows.of(_neighbours(table[index], numeric, step), columns=rows.columns)
        near = source.answers(around)
        wanted = {name: np.repeat(theirs[name][[index]], len(around), 0) for name in near}
        beside[index] = bool((~_flipped(near, wanted) & _close(near, wanted)).any())
    return beside


def _neighbours(row: Tensor, numeric: Tensor, step: Tensor) -> Tensor:
    """The row with all its numbers a step lower or higher, and with each one alone."""
    moves = np.vstack([-step, step, -np.diag(step), np.diag(step)])
    around = np.repeat(row[None, :], len(moves), axis=0)
    around[:, numeric] = around[:, numeric] + moves
    return around


def _rows(answers: Answers) -> int:
    return len(next(iter(answers.values())))


def _predictions(answers: Answers) -> tuple[Prediction, ...]:
    found = answers["label"] if "label" in answers else answers["value"]
    flat = found.reshape(-1) if found.ndim == 2 and found.shape[1] == 1 else found
    return tuple(flat.tolist())
