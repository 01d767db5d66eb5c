"""Sample rows for an estimator that came without any, drawn from what it learned.

Scalers know means and ranges, encoders their categories, trees their thresholds; a column of
which nothing is known is drawn from the standard normal's usual range.
"""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from math import isfinite
from typing import Any, TypeAlias

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
INNER = ("best_estimator_", "regressor_")
WORDS = ("a", "text", "of", "words")  # for those that take all there are


def generated_rows(
    estimator: Estimator, columns: tuple[str, ...], *, count: int = 256, seed: int = 0
) -> Rows:
    """`count` rows within what the estimator has seen, the same ones for the same seed."""
    generator = np.random.default_rng(seed)
    table = np.empty((count, len(columns)), dtype=object)
    for index, column in enumerate(learned(estimator, len(columns))):
        table[:, index] = _draw(column, generator, count)
    return Rows.of(table, columns=columns)


@contextmanager
def quietly(made: bool = True) -> Iterator[None]:
    """Rows that were made, and that nobody handed in, warn nobody of what they overflow."""
    with warnings.catch_warnings(), np.errstate(all="ignore" if made else None):
        if made:
            warnings.simplefilter("ignore")
        yield


def learned(estimator: Estimator, width: int) -> list[Column]:
    """What the estimator knows of each of its `width` input columns."""
    if hasattr(estimator, "steps"):
        return _of_steps([step for _, step in estimator.steps], width)
    if hasattr(estimator, "transformers_"):
        return _of_transformers(estimator, width)
    if inner := _inner(estimator):
        return learned(inner, width)
    return _of_itself(estimator) or _of_trees(estimator, width)


def _of_itself(estimator: Estimator) -> list[Column]:
    """What its own attributes say; nothing where they say nothing."""
    if hasattr(estimator, "build_analyzer"):
        return [Categories(tuple(getattr(estimator, "vocabulary_", WORDS)))]
    if hasattr(estimator, "categories_"):
        return [Categories(tuple(np.asarray(c).tolist())) for c in estimator.categories_]
    if hasattr(estimator, "data_min_"):
        return _intervals(estimator.data_min_, estimator.data_max_)
    if hasattr(estimator, "mean_") and getattr(estimator, "scale_", None) is not None:
        return _intervals(
            estimator.mean_ - 2 * estimator.scale_, estimator.mean_ + 2 * estimator.scale_
        )
    return []


def _inner(estimator: Estimator) -> Estimator | None:
    """The fitted estimator, or one of those, to which it gives the rows as they come."""
    for name in INNER:
        if hasattr(estimator, name):
            return getattr(estimator, name)
    if hasattr(estimator, "calibrated_classifiers_"):
        return estimator.calibrated_classifiers_[0].estimator
    if hasattr(estimator, "transformer_list"):
        return estimator.transformer_list[0][1]
    members = getattr(estimator, "named_estimators_", {}).values()
    return next((each for each in members if hasattr(each, "steps")), None)


def _of_steps(steps: list[Estimator], width: int) -> list[Column]:
    """The first step sees the rows as they come; an imputer leaves them as they are."""
    first, *others = steps
    if others and hasattr(first, "statistics_"):
        known = _of_steps(others, width)
        return known if len(known) == width else [UNKNOWN] * width
    return [UNKNOWN] * width if first == "passthrough" else learned(first, width)


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
    found: list[list[float]] = [[] for _ in range(width)]
    for tree in _trees(estimator):
        for feature, threshold in zip(tree.feature, tree.threshold, strict=True):
            if 0 <= feature < width and isfinite(threshold):
                found[feature].append(float(threshold))
    return [_around(thresholds) for thresholds in found]


def _trees(estimator: Estimator) -> Iterator[Any]:
    """Its own tree, and those of its members: a vote over forests has forests as members."""
    if hasattr(estimator, "tree_"):
        yield estimator.tree_
    members = getattr(estimator, "estimators_", ())
    for member in members.flat if isinstance(members, np.ndarray) else members:
        yield from _trees(member)


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
