"""The report sees planted mismatches, lets ties pass, and sets threshold rows aside."""

import numpy as np
import pytest

from modelregistry.conversion.beside import with_edges
from modelregistry.conversion.comparing import compare
from modelregistry.conversion.differences import Answers
from modelregistry.conversion.edges import Edge
from modelregistry.conversion.marking import Side
from modelregistry.conversion.parity import HELDOUT, SAMPLES, ParityReport
from modelregistry.formats.rows import Rows
from modelregistry.formats.signature import Tensor

ROWS = Rows.of(np.linspace(-1, 1, 40).reshape(20, 2))


def classifier(rows: Rows) -> Answers:
    """Label 1 where the first column is positive; surer the larger it is."""
    first = rows.matrix()[:, 0]
    positive = 0.5 + np.clip(first, -1, 1) / 2
    probabilities = np.column_stack([1 - positive, positive])
    return {"label": (first > 0).astype(np.int64), "probabilities": probabilities}


def report(source: Side, onnx: Side, rows: Rows = ROWS) -> ParityReport:
    return compare(source, onnx, [(SAMPLES, rows)], rows_from=SAMPLES)


def test_equal_answers_match() -> None:
    found = report(Side(classifier), Side(classifier))
    assert found.matches
    assert (found.rows, found.label_mismatches, found.max_abs_diff) == (20, 0, 0.0)
    assert found.first_source == found.first_onnx == (0, 0, 0, 0, 0)


def test_a_single_flipped_label_is_a_mismatch() -> None:
    def flipped(rows: Rows) -> Answers:
        answers = classifier(rows)
        answers["label"][-1] ^= 1
        return answers

    found = report(Side(classifier), Side(flipped))
    assert (found.status, found.label_mismatches, found.beyond) == ("mismatch", 1, 0)


def test_a_flip_between_equal_scores_is_a_tie_and_does_not_block() -> None:
    def flipped(rows: Rows) -> Answers:
        answers = classifier(rows)
        answers["label"][3] ^= 1
        return answers

    def margins(rows: Rows) -> Tensor:
        return np.where(np.arange(len(rows)) == 3, 5e-7, 1.0)

    found = report(Side(classifier, margins), Side(flipped))
    assert (found.status, found.label_mismatches, found.ties) == ("match", 0, 1)


def test_a_flip_between_scores_further_apart_is_no_tie() -> None:
    def flipped(rows: Rows) -> Answers:
        answers = classifier(rows)
        answers["label"][3] ^= 1
        return answers

    def margins(rows: Rows) -> Tensor:
        return np.full(len(rows), 2e-6)

    found = report(Side(classifier, margins), Side(flipped))
    assert (found.status, found.label_mismatches, found.ties) == ("mismatch", 1, 0)


def test_numbers_may_differ_by_the_tolerance_absolute_or_relative() -> None:
    def small(rows: Rows) -> Answers:
        return {"value": rows.matrix()[:, :1]}

    def large(rows: Rows) -> Answers:
        return {"value": 1e6 + rows.matrix()[:, :1]}

    def off(answers: Side, by: float) -> Side:
        return Side(lambda rows: {"value": answers.answers(rows)["value"] + by})

    assert report(Side(small), off(Side(small), 9e-5)).matches
    assert report(Side(large), off(Side(large), 50.0)).matches
    assert report(Side(small), off(Side(small), 2e-3)).status == "mismatch"
    assert report(Side(large), off(Side(large), 500.0)).status == "mismatch"


def test_a_label_right_and_a_probability_wrong_is_a_mismatch() -> None:
    def blurred(rows: Rows) -> Answers:
        answers = classifier(rows)
        answers["probabilities"][2] = (0.8, 0.2)
        return answers

    found = report(Side(classifier), Side(blurred))
    assert (found.status, found.label_mismatches, found.beyond) == ("mismatch", 0, 1)


def test_not_a_number_on_one_side_is_a_mismatch_and_on_both_is_not() -> None:
    def hollow(rows: Rows) -> Answers:
        value = rows.matrix()[:, :1].copy()
        value[0] = np.nan
        return {"value": value}

    def whole(rows: Rows) -> Answers:
        return {"value": rows.matrix()[:, :1]}

    assert report(Side(hollow), Side(hollow)).matches
    assert report(Side(whole), Side(hollow)).status == "mismatch"


def step(at: float) -> Side:
    """A tree's leap of 100 at a threshold of the first column."""
    return Side(lambda rows: {"value": np.where(rows.matrix()[:, :1] > at, 100.0, 0.0)})


def test_rows_on_a_threshold_are_reported_beside_and_do_not_block() -> None:
    rows = Rows.of(np.array([[0.3, 1.0], [0.7, 1.0], [0.9, 1.0]]))
    found = report(step(0.7), step(np.nextafter(0.7, 0)), rows)
    assert (found.status, found.beyond, found.on_threshold) == ("match", 0, 1)
    (note,) = found.notes
    assert note == (
        "1 of 3 rows lies within one float32 step of a split of the model: "
        "there the answers differ by up to 100"
    )


def test_the_largest_difference_is_of_all_rows_those_on_thresholds_too() -> None:
    def nudged(rows: Rows) -> Answers:
        value = np.where(rows.matrix()[:, :1] > np.nextafter(0.7, 0), 5000.0, 1000.0)
        return {"value": value + 0.01}

    exact = Side(lambda rows: {"value": np.where(rows.matrix()[:, :1] > 0.7, 5000.0, 1000.0)})
    rows = Rows.of(np.array([[0.3, 1.0], [0.7, 1.0], [0.9, 1.0]]))
    sets = [(SAMPLES, Rows.of(np.array([[0.3, 1.0]]))), (HELDOUT, rows)]
    found = compare(exact, Side(nudged), sets, rows_from=SAMPLES)
    assert (found.status, found.on_threshold, found.tolerance) == ("match", 1, 1e-4)
    assert found.max_abs_diff == found.threshold_diff == pytest.approx(4000.01)
    assert [part.threshold_diff for part in found.sets] == [0.0, pytest.approx(4000.01)]
    assert found.sets[0].max_abs_diff == pytest.approx(0.01)
    assert found.notes[0].endswith("there the answers differ by up to 4,000")


def labels(at: float) -> Side:
    return Side(lambda rows: {"label": (rows.matrix()[:, 0] > at).astype(np.int64)})


def test_a_label_that_flips_on_a_threshold_blocks_on_rows_that_decide() -> None:
    rows = Rows.of(np.array([[0.3, 1.0], [0.7, 1.0]]))
    found = report(labels(0.7), labels(np.nextafter(0.7, 0)), rows)
    assert (found.status, found.label_mismatches, found.on_threshold) == ("mismatch", 1, 0)
    assert found.labels_on_threshold == 1
    assert found.notes == ()


def test_a_label_that_flips_on_a_threshold_is_told_of_rows_that_do_not_decide() -> None:
    rows = Rows.of(np.array([[0.3, 1.0], [0.7, 1.0]]))
    exact, moved = labels(0.7), labels(np.nextafter(0.7, 0))
    decided = report(exact, moved, Rows.of(np.array([[0.3, 1.0]])))
    found = with_edges(decided, exact, moved, [Edge("on its thresholds", rows)])
    assert (found.status, found.label_mismatches) == ("match", 0)
    beside = found.sets[-1]
    assert (beside.decides, beside.label_mismatches, beside.on_threshold) == (False, 0, 1)
    (note,) = found.notes
    assert note == (
        "1 of 2 generated rows lies within one float32 step of a split of the model: there the "
        "labels differ"
    )


def test_a_threshold_that_moved_further_than_a_step_blocks() -> None:
    between = Rows.of(np.array([[0.699995, 1.0]]))
    found = report(step(0.7), step(0.7 - 1e-5), between)
    assert (found.status, found.on_threshold) == ("mismatch", 0)


def test_threshold_rows_are_found_beside_text_columns_too() -> None:
    table = np.array([[0.7, "a"], [0.2, "b"]], dtype=object)

    def at(threshold: float) -> Side:
        def answers(rows: Rows) -> Answers:
            first = rows.matrix()[:, 0].astype(float)
            return {"value": np.where(first > threshold, 100.0, 0.0)[:, None]}

        return Side(answers)

    assert report(at(0.7), at(np.nextafter(0.7, 0)), Rows.of(table)).on_threshold == 1


def test_held_out_rows_are_counted_apart_and_block_as_well() -> None:
    far = Rows.of(np.array([[0.65, 1.0], [0.2, 1.0]]))
    sets = [("samples", ROWS), ("held-out", far)]
    found = compare(step(0.7), step(0.6), sets, rows_from=SAMPLES)
    samples, heldout = found.sets
    assert (heldout.name, heldout.rows, heldout.beyond) == ("held-out", 2, 1)
    assert found.rows == samples.rows + 2
    assert found.status == "mismatch"


def test_the_report_is_plain_json() -> None:
    found = report(Side(classifier), Side(classifier)).to_json()
    assert found["status"] == "match"
    assert found["sets"][0]["name"] == "samples"
