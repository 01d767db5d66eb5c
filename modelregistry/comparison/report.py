"""The whole comparison as one value, small enough for a job's result. Pure."""

from collections.abc import Callable, Sequence
from typing import Any

import msgspec
import numpy as np

from modelregistry.comparison.answers import Answers, ask
from modelregistry.comparison.figures import (
    Agreement,
    Bar,
    LabelTable,
    Verdict,
    agreement,
    farthest,
    gaps,
    histogram,
    label_table,
    scores,
    verdict,
)
from modelregistry.comparison.latency import Latency, latencies
from modelregistry.comparison.rows import Chosen
from modelregistry.errors import NotComparable
from modelregistry.formats.plain import plain
from modelregistry.formats.rows import Rows
from modelregistry.formats.runtime import Runtime, Task
from modelregistry.formats.signature import Tensor

LABELLED = ("classification", "clustering", "outlier")
MEASURED = ("classification", "regression")
MOST_WORST = 20
MOST_COLUMNS = 40
MOST_NUMBERS = 10  # of an answer that is many
LONGEST_TEXT = 100
STEPS = ("load", "answer", "compare", "measure")

Watch = Callable[[str], None]


class Apart(msgspec.Struct, frozen=True, kw_only=True):
    """A row that the two answer differently; `row` counts all that are kept, from 1.

    Probabilities are those of each one's own answer. `difference` is of numbers, or of the
    probabilities; None where those cannot be compared, or it is not finite.
    """

    row: int
    values: list[Any]
    a: Any
    b: Any
    a_probability: float | None
    b_probability: float | None
    target: Any
    difference: float | None


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """Which rows, whose, how many are kept, were put to both, and were answered by each."""

    which: str
    versions: tuple[int, ...]
    kept: int
    asked: int
    answered_by_a: int
    answered_by_b: int
    with_targets: bool
    notes: tuple[str, ...]


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """`scores` are over the rows both have answered; what does not apply is None or empty.

    `labelled`: answers are labels, and differences are those of their probabilities.
    """

    labelled: bool
    rows: Asked
    agreement: Agreement
    scores: dict[str, dict[str, float]]
    table: LabelTable | None
    verdict: Verdict | None
    histogram: tuple[Bar, ...]
    latency: tuple[Latency, ...]
    columns: tuple[str, ...]
    columns_left_out: int
    worst: tuple[Apart, ...]

    def to_json(self) -> dict[str, Any]:
        """As it is kept; what is not finite is null."""
        found: dict[str, Any] = plain(self)
        return found


def compare(a: Runtime, b: Runtime, chosen: Chosen, *, task: Task, step: Watch) -> Comparison:
    """Both models over the same rows. `step` hears which of STEPS begins, or goes on.

    Raises NotComparable where there is no row that both answer.
    """
    step("answer")
    all_a = ask(a, chosen.rows, lambda: step("answer"))
    all_b = ask(b, chosen.rows, lambda: step("answer"))
    step("compare")
    places = np.intersect1d(all_a.places, all_b.places)
    of_a, of_b = all_a.at(places), all_b.at(places)
    _check(of_a, of_b)
    rows, labelled = chosen.rows.at(places.tolist()), _labelled(of_a, of_b, task)
    targets = rows.targets if task in MEASURED else None
    step("measure")
    return Comparison(
        labelled=labelled,
        rows=_asked(chosen, all_a, all_b),
        agreement=agreement(of_a, of_b, labelled=labelled),
        scores={
            name: scores(of_one, targets, labelled=labelled) if targets else {}
            for name, of_one in (("a", of_a), ("b", of_b))
        },
        table=_table(of_a, of_b) if labelled else None,
        verdict=verdict(of_a, of_b, targets) if labelled and targets else None,
        histogram=() if labelled else histogram(of_a, of_b),
        latency=latencies(a, b, rows, lambda: step("measure")),
        columns=tuple(_short(name) for name in rows.columns[:MOST_COLUMNS]),
        columns_left_out=max(0, len(rows.columns) - MOST_COLUMNS),
        worst=_worst(of_a, of_b, rows, chosen.places, labelled=labelled),
    )


def _check(a: Answers, b: Answers) -> None:
    if not len(a):
        raise NotComparable("There is no row that both versions answer.")
    if a.predictions.shape != b.predictions.shape:
        raise NotComparable("Their answers to a row are not equally many numbers.")


def _labelled(a: Answers, b: Answers, task: Task) -> bool:
    """Whether the answers are labels; a model that came as ONNX may answer as it likes."""
    textual = any(one.predictions.dtype.kind in "OUS" for one in (a, b))
    return (task in LABELLED or textual) and a.predictions.ndim == 1


def _asked(chosen: Chosen, a: Answers, b: Answers) -> Asked:
    return Asked(
        which=chosen.which,
        versions=chosen.versions,
        kept=chosen.kept,
        asked=len(chosen.rows),
        answered_by_a=len(a),
        answered_by_b=len(b),
        with_targets=chosen.rows.targets is not None,
        notes=chosen.notes,
    )


def _table(a: Answers, b: Answers) -> LabelTable | None:
    found = label_table(a, b)
    if found is None:
        return None
    return msgspec.structs.replace(found, labels=tuple(_short(label) for label in found.labels))


def _worst(
    a: Answers, b: Answers, rows: Rows, kept_at: Sequence[int], *, labelled: bool
) -> tuple[Apart, ...]:
    """`rows` are those both have answered; `kept_at` says of all that were asked where they are."""
    far = gaps(a, b, labelled=labelled)
    return tuple(
        Apart(
            row=kept_at[a.places[at]] + 1,
            values=[_short(value) for value in rows.values[at][:MOST_COLUMNS]],
            a=_answer(a.predictions[at]),
            b=_answer(b.predictions[at]),
            a_probability=_probability(a, at),
            b_probability=_probability(b, at),
            target=None if rows.targets is None else _short(rows.targets[at]),
            difference=None if far is None else float(far[at]),
        )
        for at in farthest(a, b, labelled=labelled)[:MOST_WORST]
    )


def _answer(found: Tensor) -> Any:
    value = np.asarray(found).tolist()
    return value[:MOST_NUMBERS] if isinstance(value, list) else _short(value)


def _short(value: Any) -> Any:
    """As a row of a table may show it, and a database keep it: text without NUL, its beginning."""
    return value[:LONGEST_TEXT].replace("\0", " ") if isinstance(value, str) else value


def _probability(answers: Answers, at: int) -> float | None:
    return None if answers.probabilities is None else float(answers.probabilities[at].max())
