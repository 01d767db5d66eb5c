"""A whole comparison: of models that refuse rows, that disagree, and of results that stay small."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import msgspec
import numpy as np
import pytest

from modelregistry.comparison.answers import ask
from modelregistry.comparison.latency import ROUNDS, in_turn
from modelregistry.comparison.report import MOST_COLUMNS, MOST_WORST, STEPS, Comparison, compare
from modelregistry.comparison.rows import Chosen
from modelregistry.errors import NotComparable
from modelregistry.formats.rows import Rows, numbered
from modelregistry.formats.runtime import ClassLabel, RowsRefused
from modelregistry.formats.signature import Signature, Tensor, TensorSpec

LARGEST = 4_000_000


@dataclass(frozen=True)
class Formula:
    """A model that is a formula of its rows, in the shape of every other runtime."""

    answer: Callable[[Tensor], Tensor]
    columns: tuple[str, ...]
    width: int = 1
    refuses: Callable[[Tensor], Tensor] = lambda rows: np.zeros(len(rows), dtype=bool)
    classes: tuple[ClassLabel, ...] | None = None

    @property
    def signature(self) -> Signature:
        matrix = TensorSpec(name="X", datatype="FP64", shape=(-1, len(self.columns)))
        value = TensorSpec(name="value", datatype="FP64", shape=(-1, self.width))
        return Signature(inputs=(matrix,), outputs=(value,), columns=self.columns)

    def run(self, inputs: Mapping[str, Tensor], outputs: Sequence[str]) -> list[Tensor]:
        if self.refuses(inputs["X"]).any():
            raise RowsRefused
        return [self.answer(inputs["X"]).reshape(len(inputs["X"]), self.width)]


def table(count: int, width: int = 2) -> Rows:
    values = np.arange(count * width, dtype=float).reshape(count, width)
    return Rows.of(values, targets=values[:, 0])


def chosen(rows: Rows, every: int = 1) -> Chosen:
    """All rows of a version that keeps `every` times as many."""
    places = tuple(range(0, every * len(rows), every))
    return Chosen(
        which="sample",
        versions=(1,),
        kept=every * len(rows),
        places=places,
        rows=rows,
        notes=(),
    )


def first(rows: Tensor) -> Tensor:
    return np.asarray(rows[:, 0])


def compared(a: Formula, b: Formula, rows: Rows, told: list[str] | None = None) -> Comparison:
    step = (told if told is not None else []).append
    return compare(a, b, chosen(rows), task="regression", step=step)


def test_the_rows_that_differ_most_come_first_and_as_they_are() -> None:
    a = Formula(first, numbered(2))
    b = Formula(lambda rows: rows[:, 0] + np.where(rows[:, 0] > 40, rows[:, 0], 0), numbered(2))
    found = compared(a, b, table(30))
    assert found.agreement.equal == 21
    assert [row.row for row in found.worst] == list(range(30, 21, -1))
    worst = found.worst[0]
    assert (worst.values, worst.a, worst.b, worst.target) == ([58.0, 59.0], 58.0, 116.0, 58.0)
    assert worst.difference == 58.0
    assert found.scores["a"] == {"r2": 1.0, "mean_absolute_error": 0.0}
    assert found.scores["b"]["r2"] < 1


def test_rows_are_numbered_as_they_are_kept() -> None:
    a, b = Formula(first, numbered(2)), Formula(lambda rows: -rows[:, 0], numbered(2))
    found = compare(a, b, chosen(table(3), every=10), task="regression", step=lambda name: None)
    assert [row.row for row in found.worst] == [21, 11]
    assert (found.rows.asked, found.rows.kept) == (3, 30)


def test_columns_in_another_order_are_put_in_order() -> None:
    a = Formula(first, ("left", "right"))
    b = Formula(lambda rows: np.asarray(rows[:, 1]), ("right", "left"))
    rows = Rows.of(np.arange(8.0).reshape(4, 2), columns=("left", "right"))
    assert compared(a, b, rows).agreement.equal == 4


def test_rows_that_one_of_them_refuses_are_left_out_and_counted() -> None:
    a = Formula(first, numbered(2))
    b = Formula(first, numbered(2), refuses=lambda rows: rows[:, 0] % 4 == 0)
    found = compared(a, b, table(3000))
    assert (found.rows.answered_by_a, found.rows.answered_by_b) == (3000, 1500)
    assert (found.agreement.rows, found.agreement.equal) == (1500, 1500)


def test_a_model_that_takes_no_row_is_not_compared() -> None:
    a = Formula(first, numbered(2))
    b = Formula(first, numbered(2), refuses=lambda rows: np.ones(len(rows), dtype=bool))
    with pytest.raises(NotComparable, match="no row that both"):
        compared(a, b, table(5))


def test_answers_of_other_shapes_are_not_compared() -> None:
    a = Formula(first, numbered(2))
    b = Formula(lambda rows: rows, numbered(2), width=2)
    with pytest.raises(NotComparable, match="equally many"):
        compared(a, b, table(5))


def test_each_step_is_told_in_order() -> None:
    told: list[str] = []
    compared(Formula(first, numbered(2)), Formula(first, numbered(2)), table(3), told)
    assert list(dict.fromkeys(told)) == list(STEPS[1:])
    assert sorted(told, key=STEPS.index) == told


def test_all_answers_are_kept_in_their_places() -> None:
    odd = Formula(first, numbered(2), refuses=lambda rows: rows[:, 0] == 2048.0)
    answers = ask(odd, table(2500))
    assert len(answers) == 2499
    assert 1024 not in answers.places
    assert answers.predictions.tolist() == (2.0 * answers.places).tolist()
    assert answers.at(np.array([0, 2])).predictions.tolist() == [0.0, 4.0]


def test_a_result_stays_small_however_wide_and_long_the_rows_are() -> None:
    wide = 3000
    columns = tuple(f"{'c' * 500}{index}" for index in range(wide))
    values = tuple(
        tuple("\0=" + "t" * 5000 if i % 2 else i for i in range(wide)) for _ in range(40)
    )
    rows = Rows(columns=columns, values=values)

    class Texts(Formula):
        def run(self, inputs: Mapping[str, Tensor], outputs: Sequence[str]) -> list[Tensor]:
            return [self.answer(np.zeros((len(inputs["x"]), 1)))]

        @property
        def signature(self) -> Signature:
            text = TensorSpec(name="x", datatype="BYTES", shape=(-1, wide))
            value = TensorSpec(name="value", datatype="FP64", shape=(-1, 500))
            return Signature(inputs=(text,), outputs=(value,), columns=columns)

    a = Texts(lambda rows: np.zeros((len(rows), 500)), columns)
    b = Texts(lambda rows: np.full((len(rows), 500), np.inf), columns)
    found = compared(a, b, rows)
    kept = msgspec.json.encode(found.to_json())
    assert len(found.worst) == MOST_WORST
    assert (len(found.columns), found.columns_left_out) == (MOST_COLUMNS, wide - MOST_COLUMNS)
    assert len(kept) < LARGEST / 10
    assert b"\\u0000" not in kept
    assert found.to_json()["worst"][0]["difference"] is None


def test_two_calls_are_timed_in_turn_and_the_median_counts() -> None:
    now, calls = [0.0], []

    def lasting(name: str, seconds: float) -> Callable[[], None]:
        def call() -> None:
            calls.append(name)
            now[0] += seconds

        return call

    a_ms, b_ms = in_turn(lasting("a", 0.03), lasting("b", 0.2), clock=lambda: now[0])
    assert (a_ms, b_ms) == (pytest.approx(30), pytest.approx(200))
    assert calls == ["a", "b"] * (ROUNDS + 1)


def test_slow_models_are_timed_fewer_times() -> None:
    now, calls = [0.0], []

    def slow() -> None:
        calls.append(1)
        now[0] += 10

    in_turn(slow, slow, clock=lambda: now[0])
    assert len(calls) == 4
