"""Two models' answers side by side, held against numbers that others have worked out."""

from itertools import pairwise

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, confusion_matrix, mean_absolute_error, r2_score

from modelregistry.comparison.answers import Answers
from modelregistry.comparison.figures import (
    Agreement,
    agreement,
    farthest,
    gaps,
    histogram,
    label_table,
    scores,
    verdict,
)
from modelregistry.formats.signature import Tensor

RANDOM = np.random.default_rng(0)


def labels(
    *predictions: object, probabilities: object = None, classes: tuple[object, ...] | None = None
) -> Answers:
    return Answers(
        places=np.arange(len(predictions)),
        predictions=np.array(predictions, dtype=object),
        probabilities=None if probabilities is None else np.array(probabilities, dtype=float),
        classes=classes,  # type: ignore[arg-type]
    )


def numbers(predictions: Tensor) -> Answers:
    return Answers(
        places=np.arange(len(predictions)),
        predictions=predictions,
        probabilities=None,
        classes=None,
    )


@pytest.fixture
def drawn() -> tuple[Answers, Answers, list[str]]:
    """Two classifiers that err independently, and the truth."""
    names = np.array(["ash", "elm", "oak"])
    a, b, truth = (names[RANDOM.integers(0, 3, 500)] for _ in range(3))
    return labels(*a.tolist()), labels(*b.tolist()), truth.tolist()


def test_labels_are_counted_as_scikit_learn_counts_them(
    drawn: tuple[Answers, Answers, list[str]],
) -> None:
    a, b, truth = drawn
    table = label_table(a, b)
    assert table is not None
    assert table.labels == ("ash", "elm", "oak")
    assert table.counts == tuple(
        map(tuple, confusion_matrix(list(a.predictions), list(b.predictions)).tolist())
    )
    for one in (a, b):
        wanted = accuracy_score(truth, list(one.predictions))
        assert scores(one, truth, labelled=True) == {"accuracy": pytest.approx(wanted)}


def test_who_is_right_adds_up(drawn: tuple[Answers, Answers, list[str]]) -> None:
    a, b, truth = drawn
    found = verdict(a, b, truth)
    right_a, right_b = (np.array(truth) == one.predictions for one in (a, b))
    assert found.both_right + found.only_a == right_a.sum()
    assert found.both_right + found.only_b == right_b.sum()
    assert found.both_right + found.only_a + found.only_b + found.both_wrong == 500


def test_whole_numbers_and_decimals_are_the_same_label() -> None:
    found = agreement(labels(0, 1, 2), labels(0.0, 1.0, 3.0), labelled=True)
    assert (found.rows, found.equal) == (3, 2)


def test_probabilities_are_compared_class_by_class_whatever_their_order() -> None:
    a = labels("yes", "no", probabilities=[[0.3, 0.7], [0.9, 0.1]], classes=("no", "yes"))
    b = labels("yes", "yes", probabilities=[[0.6, 0.4], [0.8, 0.2]], classes=("yes", "no"))
    found = agreement(a, b, labelled=True)
    assert (found.equal, found.max_abs_diff) == (1, pytest.approx(0.7))
    assert found.mean_abs_diff == pytest.approx((0.1 + 0.7) / 2)
    found_gaps = gaps(a, b, labelled=True)
    assert found_gaps is not None
    assert found_gaps.tolist() == pytest.approx([0.1, 0.7])
    assert farthest(a, b, labelled=True) == [1, 0]


def test_another_label_goes_before_any_gap_of_probabilities() -> None:
    classes = ("no", "yes")
    a = labels("yes", "no", probabilities=[[0.01, 0.99], [0.51, 0.49]], classes=classes)
    b = labels("yes", "yes", probabilities=[[0.49, 0.51], [0.49, 0.51]], classes=classes)
    assert farthest(a, b, labelled=True) == [1, 0]


def test_labels_without_probabilities_come_in_the_order_of_the_rows() -> None:
    assert farthest(labels(0, 1, 2, 3), labels(0, 9, 2, 9), labelled=True) == [1, 3]


def test_probabilities_of_other_classes_are_not_compared() -> None:
    a = labels("x", probabilities=[[1.0, 0.0]], classes=("x", "y"))
    b = labels("x", probabilities=[[1.0, 0.0]], classes=("x", "z"))
    assert agreement(a, b, labelled=True) == Agreement(rows=1, equal=1)


def test_a_label_that_only_one_model_knows_is_in_the_table() -> None:
    table = label_table(labels(0, 0, classes=(0, 1)), labels(0, 7, classes=(0, 7)))
    assert table is not None
    assert table.labels == (0, 1, 7)
    assert table.counts == ((1, 0, 1), (0, 0, 0), (0, 0, 0))


def test_many_classes_have_no_table() -> None:
    assert label_table(labels(*range(13)), labels(*range(13))) is None


def test_numbers_differ_as_numpy_says() -> None:
    one, other = RANDOM.normal(size=400), RANDOM.normal(size=400)
    other[:100] = one[:100] + 1e-9
    found = agreement(numbers(one), numbers(other), labelled=False)
    gap = np.abs(one - other)
    assert (found.rows, found.equal, found.not_finite) == (400, 100, 0)
    assert found.max_abs_diff == pytest.approx(gap.max())
    assert found.mean_abs_diff == pytest.approx(gap.mean())
    assert found.p99_abs_diff == pytest.approx(np.quantile(gap, 0.99))


def test_regressions_are_scored_as_scikit_learn_scores_them() -> None:
    truth, found = RANDOM.normal(size=300), RANDOM.normal(size=300)
    measured = scores(numbers(found), truth.tolist(), labelled=False)
    assert measured == {
        "r2": pytest.approx(r2_score(truth, found)),
        "mean_absolute_error": pytest.approx(mean_absolute_error(truth, found)),
    }


@pytest.mark.parametrize(
    ("found", "targets", "names"),
    [
        ([1.0], [2.0], {"mean_absolute_error"}),  # one row has no spread
        ([1.0, 2.0], [3.0, 3.0], {"mean_absolute_error"}),
        ([1.0, np.nan], [1.0, 2.0], set()),
        ([1.0, 2.0], ["a", "b"], set()),
        ([[1.0, 2.0], [3.0, 4.0]], [1.0, 2.0], set()),
    ],
)
def test_what_the_rows_do_not_define_is_left_out(
    found: list[object], targets: list[object], names: set[str]
) -> None:
    answers = numbers(np.array(found))
    assert scores(answers, targets, labelled=False).keys() == names  # type: ignore[arg-type]


def test_what_is_not_finite_is_counted_and_spoils_no_figure() -> None:
    one = numbers(np.array([1.0, np.inf, np.nan, np.inf]))
    other = numbers(np.array([1.5, np.inf, 3.0, -np.inf]))
    found = agreement(one, other, labelled=False)
    assert (found.equal, found.not_finite) == (1, 2)
    assert (found.max_abs_diff, found.mean_abs_diff) == (0.5, 0.25)


def test_answers_of_many_numbers_differ_by_their_worst() -> None:
    one, other = np.zeros((2, 3)), np.array([[0.0, 0.0, 0.0], [0.1, -0.4, 0.2]])
    found = agreement(numbers(one), numbers(other), labelled=False)
    assert (found.equal, found.max_abs_diff) == (1, pytest.approx(0.4))
    assert histogram(numbers(one), numbers(other)) == ()


def test_the_plot_holds_every_row_once_and_says_by_how_much_more() -> None:
    one = RANDOM.normal(size=1000)
    bars = histogram(numbers(one), numbers(one + RANDOM.uniform(1, 2, 1000)))
    assert sum(bar.count for bar in bars) == 1000
    assert 1 <= bars[0].low < bars[-1].high <= 2
    assert all(bar.high == after.low for bar, after in pairwise(bars))
    assert histogram(numbers(one), numbers(one)) == ()
