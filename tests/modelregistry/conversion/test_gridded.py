"""Rows on a grid lie where trees split: ties are told from flips, and flips block where they count.

Three kinds of trees that answer gridded rows otherwise in single precision, each for a reason of
its own.
"""

import numpy as np
import pytest
from sklearn.base import BaseEstimator
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

from modelregistry.conversion.budget import Budget
from modelregistry.conversion.ladder import convert
from modelregistry.conversion.outcome import Conversion
from modelregistry.conversion.parity import SetReport
from modelregistry.formats.rows import Rows
from modelregistry.formats.signature import Tensor


def grid(generator: np.random.Generator, count: int, *, cells: int, size: float = 1.0) -> Tensor:
    """Rows of three columns, every number a multiple of `size`."""
    return generator.integers(0, cells, (count, 3)) * size


def generated(conversion: Conversion) -> SetReport:
    found = conversion.parity.sets[-1]
    assert (found.name, found.decides) == ("generated", False)
    return found


def test_ties_of_a_forest_are_reported_as_ties_and_do_not_block() -> None:
    random = np.random.default_rng(0)
    forest = RandomForestClassifier(10, random_state=0)
    forest.fit(grid(random, 400, cells=6), random.integers(0, 2, 400))
    everywhere = np.stack(np.meshgrid(*[np.arange(0, 6, 0.5)] * 3), axis=-1).reshape(-1, 3)

    parity = convert(forest, samples=Rows.of(everywhere)).parity

    assert (parity.status, parity.label_mismatches, parity.beyond) == ("match", 0, 0)
    assert parity.ties > 0
    assert parity.max_abs_diff < 1e-6
    ties = [row for row in parity.sets[0].worst if row.verdict == "tie"]
    assert all(row.source != row.onnx for row in ties)


@pytest.fixture(scope="module")
def scaled_tree() -> BaseEstimator:
    """It splits at multiples of 0.05, which scaling in float32 and in float64 put on two sides."""
    random = np.random.default_rng(0)
    tree = make_pipeline(StandardScaler(), DecisionTreeClassifier(random_state=0))
    return tree.fit(grid(random, 300, cells=20, size=0.1), random.integers(0, 2, 300))


def between(cells: int = 40) -> Rows:
    """Rows on the splits of that tree."""
    return Rows.of(grid(np.random.default_rng(1), 300, cells=cells, size=0.05))


def test_flips_of_a_scaled_tree_are_shown_on_generated_rows_and_do_not_block(
    scaled_tree: BaseEstimator,
) -> None:
    seen = Rows.of(grid(np.random.default_rng(0), 300, cells=20, size=0.1))

    conversion = convert(scaled_tree, samples=seen)

    assert conversion.onnx is not None
    assert (conversion.parity.status, conversion.parity.label_mismatches) == ("match", 0)
    found = generated(conversion)
    assert found.on_threshold > 0
    assert found.max_abs_diff == pytest.approx(1.0)
    flips = [row for row in found.worst if row.verdict == "threshold"]
    assert flips
    assert all(row.source != row.onnx for row in flips)
    assert conversion.parity.notes[0] == (
        f"{found.on_threshold} of {found.rows} generated rows lie within one float32 step of a "
        "split of the model: there the answers differ by up to 1"
    )


def test_flips_of_a_scaled_tree_block_when_they_happen_on_sample_rows(
    scaled_tree: BaseEstimator,
) -> None:
    conversion = convert(scaled_tree, samples=between())

    assert conversion.onnx is None
    parity = conversion.parity
    assert (parity.status, parity.beyond) == ("mismatch", 0)
    assert parity.label_mismatches > 10
    assert conversion.reason.startswith(
        f"In single precision {parity.label_mismatches} labels and 0 other answers of 300 rows "
        f"differ (largest difference 1); {parity.labels_on_threshold} of these labels only within "
        "one float32 step of a split of the model."
    )
    worst = parity.sets[0].worst
    assert [row.verdict for row in worst] == ["label"] * 10
    assert worst[0].values == between().values[worst[0].row - 1]


def test_a_model_may_allow_for_them(scaled_tree: BaseEstimator) -> None:
    mismatches = convert(scaled_tree, samples=between()).parity.label_mismatches

    one_less = convert(
        scaled_tree, samples=between(), budget=Budget(allowed_mismatches=mismatches - 1)
    )
    enough = convert(scaled_tree, samples=between(), budget=Budget(allowed_mismatches=mismatches))

    assert (one_less.parity.status, enough.parity.status) == ("mismatch", "match")
    assert enough.onnx is not None
    assert enough.parity.allowed_mismatches == mismatches


@pytest.mark.parametrize("kind", [HistGradientBoostingClassifier, HistGradientBoostingRegressor])
def test_histogram_boosting_converts_missing_values_included(kind: type) -> None:
    random = np.random.default_rng(0)
    rows = grid(random, 400, cells=8)
    targets = rows.sum(axis=1) // 3 % 3
    rows[random.random(rows.shape) < 0.1] = np.nan

    conversion = convert(kind(max_iter=20).fit(rows, targets), samples=Rows.of(rows))

    assert conversion.onnx is not None, conversion.reason
    parity = conversion.parity
    assert (parity.status, parity.label_mismatches, parity.beyond) == ("match", 0, 0)
    found = generated(conversion)
    assert (found.label_mismatches, found.beyond) == (0, 0)
    assert not any("missing value" in note for note in parity.notes)
