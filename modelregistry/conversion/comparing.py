"""Do two models answer alike? Compares a source with its ONNX form, set by set. Pure."""

from collections.abc import Iterable

from modelregistry.conversion.budget import DEFAULT_BUDGET, Budget
from modelregistry.conversion.marking import Marks, Side, mark, together
from modelregistry.conversion.parity import ParityReport, SetReport, in_words
from modelregistry.conversion.worst import predictions, worst_rows
from modelregistry.formats.rows import Rows, is_missing

FIRST = 5


def compare(
    source: Side,
    onnx: Side,
    sets: Iterable[tuple[str, Rows]],
    *,
    rows_from: str,
    budget: Budget = DEFAULT_BUDGET,
) -> ParityReport:
    """Both models over every named set of rows; the first five answers are the first set's."""
    named = [(name, rows) for name, rows in sets if len(rows)]
    found = [compare_set(source, onnx, name, rows, budget.tolerance) for name, rows in named]
    marks = together([marks for _, marks in found])
    figures, hollow = marks.figures(), bool(marks.empty.all()) and _any_whole(named)
    within = figures["label_mismatches"] <= budget.allowed_mismatches and not figures["beyond"]
    first = named[0][1].first(FIRST)
    return ParityReport(
        **figures,
        status="match" if within and not hollow else "mismatch",
        no_finite_answer=hollow,
        tolerance=budget.tolerance,
        allowed_mismatches=budget.allowed_mismatches,
        rows_from=rows_from,
        notes=_notes(figures["on_threshold"], figures["rows"], figures["threshold_diff"]),
        sets=tuple(report for report, _ in found),
        first_source=predictions(source.answers(first)),
        first_onnx=predictions(onnx.answers(first)),
    )


def compare_set(
    source: Side, onnx: Side, name: str, rows: Rows, tolerance: float, *, decides: bool = True
) -> tuple[SetReport, Marks]:
    """The report on one set, and what was found of each row."""
    ours, theirs = source.answers(rows), onnx.answers(rows)
    marks = mark(source, ours, theirs, rows, tolerance, decides=decides)
    worst = worst_rows(rows, ours, theirs, marks)
    return SetReport(**marks.figures(), name=name, decides=decides, worst=worst), marks


def _any_whole(sets: Iterable[tuple[str, Rows]]) -> bool:
    """Whether no value is missing of some row: to gaps alone, nan may be the right answer."""
    return any(not any(map(is_missing, row)) for _, rows in sets for row in rows.values)


def _notes(count: int, rows: int, leap: float) -> tuple[str, ...]:
    return (on_thresholds_in_words(count, f"{rows} rows", leap),) if count else ()


def on_thresholds_in_words(count: int, rows: str, leap: float) -> str:
    # Without scores a classifier differs in its labels alone.
    how = f"the answers differ by up to {in_words(leap)}" if leap else "the labels differ"
    lie = "lies" if count == 1 else "lie"
    where = f"{count} of {rows} {lie} within one float32 step of a split of the model"
    return f"{where}: there {how}"
