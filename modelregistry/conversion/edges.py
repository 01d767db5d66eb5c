"""Rows made at a model's edges, where conversions go wrong.

On its own thresholds, with a category it was not fitted on, with a value missing where it takes
that. Pure.
"""

from dataclasses import dataclass

from modelregistry.conversion.differences import Answers
from modelregistry.conversion.jumps import rows_on_jumps
from modelregistry.conversion.sampling import Categories, learned, quietly
from modelregistry.conversion.thresholds import Ask
from modelregistry.formats.estimators import Estimator, answer, output_names, parts
from modelregistry.formats.rows import Rows, Scalar
from modelregistry.formats.runtime import REFUSALS

MOST_COLUMNS = 32
NEVER_SEEN = "a word it was not fitted on"
GROWN = ("tree_", "_predictors", "estimators_", "bin_edges_")  # their answers jump in between


@dataclass(frozen=True, slots=True)
class Edge:
    words: str
    rows: Rows


def edge_rows(estimator: Estimator, base: Rows) -> list[Edge]:
    """Such rows as the estimator answers, made from those of `base`; none where there are none."""

    def ask(rows: Rows) -> Answers:
        table = rows.matrix()
        return {name: answer(estimator, name, table) for name in output_names(estimator)}

    found: list[Edge] = []
    with quietly():
        for words, make in (
            ("on its thresholds", _on_thresholds),
            ("with an unseen category", _unseen),
            ("with a missing value", _missing),
        ):
            try:
                rows = make(estimator, base, ask)
            except REFUSALS:  # what is beside the budget stops no conversion
                continue
            found += [Edge(words, rows)] if rows else []
    return found


def _on_thresholds(estimator: Estimator, base: Rows, ask: Ask) -> Rows | None:
    grown = any(hasattr(part, name) for part in parts(estimator) for name in GROWN)
    return rows_on_jumps(ask, base, by_numbers=grown)


def _unseen(estimator: Estimator, base: Rows, ask: Ask) -> Rows | None:
    """One row for every column of words, or of numbers that stand for categories."""
    values: dict[int, Scalar] = {}
    for index, (known, textual) in enumerate(
        zip(learned(estimator, len(base.columns)), base.textual, strict=True)
    ):
        if textual:
            values[index] = NEVER_SEEN
        elif isinstance(known, Categories):
            values[index] = max(known.values) + 1  # type: ignore[operator]  # numbers
    return _changed(base, values, ask)


def _missing(_: Estimator, base: Rows, ask: Ask) -> Rows | None:
    gap = {True: None, False: float("nan")}
    return _changed(base, {index: gap[text] for index, text in enumerate(base.textual)}, ask)


def _changed(base: Rows, values: dict[int, Scalar], ask: Ask) -> Rows | None:
    """A row of `base` for each column with that value in it, where the source answers such a row.

    Asked together with the row it was made from, as it will be.
    """
    made: list[tuple[Scalar, ...]] = []
    for place, (index, value) in enumerate(list(values.items())[:MOST_COLUMNS]):
        row = base.values[place % len(base)]
        changed = (*row[:index], value, *row[index + 1 :])
        try:
            ask(Rows(columns=base.columns, values=(row, changed)))
        except REFUSALS:
            continue
        made.append(changed)
    return Rows(columns=base.columns, values=tuple(made)) if made else None
