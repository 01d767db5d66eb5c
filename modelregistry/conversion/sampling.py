"""Sample rows for an estimator that came without any, drawn from what it learned.

Scalers know means and ranges, encoders their categories, trees their thresholds; a column of
which nothing is known is drawn from the standard normal's usual range.
"""

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from modelregistry.formats.estimators import Estimator
from modelregistry.formats.rows import Rows
from modelregistry.formats.signature import Tensor


@dataclass(frozen=True, slots=True)
class Interval:
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Categories:
    values: tuple[float | int | str, ...]


Column: TypeAlias = Interval | Categories
UNKNOWN = Interval(-2.0, 2.0)


def generated_rows(
    estimator: Estimator, columns: tuple[str, ...], *, count: int = 256, seed: int = 0
) -> Rows:
    """`count` rows within what the estimator has seen, the same ones for the same seed."""
    generator = np.random.default_rng(seed)
    table = np.empty((count, len(columns)), dtype=object)
    for index, column in enumerate(learned(estimator, len(columns))):
        table[:, index] = _draw(column, generator, count)
    return Rows.of(table, columns=columns)


def learned(estimator: Estimator, width: int) -> list[Column]:
    """What the estimator knows of each of its `width` input columns."""
    if hasattr(estimator, "steps"):
        return _of_steps([step for _, step in estimator.steps], width)
    if hasattr(estimator, "transformers_"):
        return _of_transformers(estimator, width)
    if hasattr(estimator, "categories_"):
        return [Categories(tuple(np.asarray(c).tolist())) for c in estimator.categories_]
    if hasattr(estimator, "data_min_"):
        return _intervals(estimator.data_min_, estimator.data_max_)
    if hasattr(estimator, "mean_") and getattr(estimator, "scale_", None) is not None:
        return _intervals(
            estimator.mean_ - 2 * estimator.scale_, estimator.mean_ + 2 * estimator.scale_
        )
    return _of_trees(estimator, width)


def _of_steps(steps: list[Estimator], width: int) -> list[Column]:
    """The first step sees the rows as they come."""
    return [UNKNOWN] * width if steps[0] == "passthrough" else learned(steps[0], width)


def _of_transformers(estimator: Estimator, width: int) -> list[Column]:
    columns: list[Column] = [UNKNOWN] * width
    for _, step, chosen in estimator.transformers_:
        indices = np.arange(width)[chosen]
        if not isinstance(step, str) and np.size(indices):
            known = learned(step, np.size(indices))
            for index, column in zip(np.atleast_1d(indices), known, strict=True):
                columns[index] = column
    return columns


def _of_trees(estimator: Estimator, width: int) -> list[Column]:
    """A little beyond the outermost thresholds that its trees ask about."""
    trees = [estimator, *np.ravel(getattr(estimator, "estimators_", []))]
    found: list[list[float]] = [[] for _ in range(width)]
    for tree in (tree.tree_ for tree in trees if hasattr(tree, "tree_")):
        for feature, threshold in zip(tree.feature, tree.threshold, strict=True):
            if 0 <= feature < width:
                found[feature].append(float(threshold))
    return [_around(thresholds) for thresholds in found]


def _around(thresholds: list[float]) -> Column:
    if not thresholds:
        return UNKNOWN
    low, high = min(thresholds), max(thresholds)
    margin = 0.2 * (high - low) or max(1.0, abs(low))
    return Interval(low - margin, high + margin)


def _intervals(low: Tensor, high: Tensor) -> list[Column]:
    return [Interval(float(a), float(b)) for a, b in zip(low, high, strict=True)]


def _draw(column: Column, generator: np.random.Generator, count: int) -> Tensor:
    match column:
        case Interval(low, high):
            return generator.uniform(low, high, count)
        case Categories(values):
            return np.array(values, dtype=object)[generator.integers(0, len(values), count)]
