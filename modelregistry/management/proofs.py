"""A conversion's proof for people, on the terminal. Layout only."""

import io
import json
from collections.abc import Iterator

from rich.console import Console
from rich.table import Table

from modelregistry.conversion.budget import Budget
from modelregistry.conversion.parity import Form, ParityReport, Prediction, SetReport, in_words

WIDTH = 110
VERDICTS = {
    "label": "another label",
    "number": "out of tolerance",
    "tie": "tie",
    "threshold": "on a threshold",
}


def proof_text(parity: ParityReport, shortfall: str, *, terminal: bool) -> str:
    """What was compared and found, the verdict last."""
    parts = [] if not shortfall else [shortfall]
    if parity.rows:
        parts += _figures(parity, terminal)
    return "\n".join([*parts, f"Match: {parity.matches}"])


def _figures(parity: ParityReport, terminal: bool) -> Iterator[str]:
    yield f"Rows compared: {_compared(parity, decides=True)}"
    if beside := _compared(parity, decides=False):
        yield f"Beside the budget: {beside}"
    yield _drawn(_sets_table(parity), terminal)
    budget = Budget(tolerance=parity.tolerance, allowed_mismatches=parity.allowed_mismatches)
    yield f"Budget: {budget.in_words()}"
    yield f"Label mismatches: {parity.label_mismatches} (ties beside them: {parity.ties})"
    yield f"Answers not within {parity.tolerance:g}, absolute or relative: {parity.beyond}"
    yield f"Largest difference: {in_words(parity.max_abs_diff)}"
    yield from (f"{note}. They do not count against the match." for note in parity.notes)
    if any(row.verdict in VERDICTS for part in parity.sets for row in part.worst):
        yield _drawn(_worst_table(parity), terminal)
    if parity.form:
        yield f"ONNX form: {parity.form.dtype}, opset {parity.form.opset}"
        yield _drawn(_form_table(parity.form), terminal)
    yield f"First predictions, scikit-learn: {_listed(parity.first_source)}"
    yield f"First predictions, ONNX:         {_listed(parity.first_onnx)}"


def _compared(parity: ParityReport, *, decides: bool) -> str:
    chosen = [part for part in parity.sets if part.decides == decides]
    return ", ".join(f"{part.rows} {part.name}" for part in chosen)


def _sets_table(parity: ParityReport) -> Table:
    table = _grid("rows", "labels", "ties", "numbers", "on thresholds", "max", "mean", "p99")
    for part in parity.sets:
        table.add_row(part.name if part.decides else f"{part.name}, beside", *_counts(part))
    return table


def _counts(part: SetReport) -> Iterator[str]:
    for count in (part.label_mismatches, part.ties, part.beyond, part.on_threshold):
        yield f"{count:,}"
    for difference in (part.max_abs_diff, part.mean_abs_diff, part.p99_abs_diff):
        yield in_words(difference)


def _worst_table(parity: ParityReport) -> Table:
    """The rows' values are not told: they may be somebody's."""
    table = _grid("worst rows", "row", "what", "source", "ONNX", "difference")
    for part in parity.sets:
        for row in part.worst:
            if row.verdict in VERDICTS:
                answers = (_listed(row.source), _listed(row.onnx))
                what = (f"{row.row}", VERDICTS[row.verdict])
                table.add_row(part.name, *what, *answers, in_words(row.difference))
    return table


def _form_table(form: Form) -> Table:
    table = _grid("measured", "source", "ONNX")
    table.add_row("size, bytes", _count(form.source_bytes), _count(form.onnx_bytes))
    table.add_row("load, ms", _time(form.source_load_ms), _time(form.onnx_load_ms))
    for each in form.latency:
        rows = "1 row" if each.rows == 1 else f"{each.rows:,} rows"
        table.add_row(f"{rows}, ms", _time(each.source_ms), _time(each.onnx_ms))
    return table


def _grid(*columns: str) -> Table:
    """A table whose first column is words and whose others are figures."""
    table = Table()
    for at, column in enumerate(columns):
        table.add_column(column, justify="right" if at else "left")
    return table


def _drawn(table: Table, terminal: bool) -> str:
    buffer = io.StringIO()
    Console(file=buffer, force_terminal=terminal, width=None if terminal else WIDTH).print(table)
    return buffer.getvalue().rstrip("\n")


def _count(size: int | None) -> str:
    return "-" if size is None else f"{size:,}"


def _time(milliseconds: float | None) -> str:
    return "-" if milliseconds is None else f"{milliseconds:.3f}"


def _listed(predictions: tuple[Prediction, ...] | Prediction) -> str:
    return json.dumps(predictions)
