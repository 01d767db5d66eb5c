"""Rows on a model's own thresholds, found from outside: where its answer jumps between two rows.

Between two rows that differ in one column and in their answers lies a threshold, wherever inside a
pipeline it comes from; halving finds it to the last bit of float64. Pure.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from time import monotonic

import numpy as np

from modelregistry.conversion.differences import Answers, count_of, flipped
from modelregistry.conversion.thresholds import Ask
from modelregistry.formats.rows import Rows
from modelregistry.formats.signature import Tensor

PAIRS = 64
HALVINGS = 64  # float64 has 53 bits of fraction; more only helps beside zero
ENOUGH_S = 1.0  # slow models are halved less often


@dataclass(frozen=True, slots=True)
class Segments:
    """Each goes from `low` to `high` in its column; the other columns are its row's."""

    table: Tensor
    columns: Tensor
    low: Tensor
    high: Tensor

    def at(self, values: Tensor) -> Tensor:
        moved = self.table.copy()
        moved[np.arange(len(moved)), self.columns] = values
        return moved

    def halved(self, middle: Tensor, beyond: Tensor) -> "Segments":
        """The half that holds the jump: it ends in the middle where that is `beyond` it."""
        low, high = np.where(beyond, self.low, middle), np.where(beyond, middle, self.high)
        return replace(self, low=low, high=high)

    def only(self, chosen: Tensor) -> "Segments":
        return Segments(
            self.table[chosen], self.columns[chosen], self.low[chosen], self.high[chosen]
        )


def rows_on_jumps(
    ask: Ask,
    base: Rows,
    *,
    by_numbers: bool,
    seed: int = 0,
    clock: Callable[[], float] = monotonic,
) -> Rows | None:
    """Either side of each jump, one float64 apart, and one float32 step beyond either.

    Jumps of labels, and `by_numbers` of any number in the answer, as trees have them. None where
    no two rows of `base` show a jump.
    """
    segments = _between_rows(base, np.random.default_rng(seed))
    if segments is None:
        return None

    def answers(some: Segments, values: Tensor) -> Answers:
        return ask(Rows.of(some.at(values), columns=base.columns))

    first, last = answers(segments, segments.low), answers(segments, segments.high)
    jumping = _differ(first, last, by_numbers)
    if not jumping.any():
        return None
    wanted, short, deadline = _of(first, jumping), segments.only(jumping), clock() + ENOUGH_S
    for _ in range(HALVINGS):
        if clock() > deadline:
            break
        middle = short.low + (short.high - short.low) / 2
        short = short.halved(middle, _differ(wanted, answers(short, middle), by_numbers))
    return Rows.of(np.vstack(list(_around(short))), columns=base.columns)


def _between_rows(base: Rows, generator: np.random.Generator) -> Segments | None:
    """Pairs of rows drawn at random, each along one column in which they differ."""
    numeric = np.flatnonzero(~np.array(base.textual, dtype=bool))
    if not len(numeric):
        return None
    table = base.matrix()
    columns = np.resize(generator.permutation(numeric), PAIRS)
    starts, ends = generator.integers(0, len(table), (2, PAIRS))
    low, high = (table[rows, columns].astype(np.float64) for rows in (starts, ends))
    apart = np.isfinite(low) & np.isfinite(high) & (low != high)
    return Segments(table[starts], columns, low, high).only(apart) if apart.any() else None


def _of(answers: Answers, chosen: Tensor) -> Answers:
    return {name: found[chosen] for name, found in answers.items()}


def _differ(ours: Answers, theirs: Answers, by_numbers: bool) -> Tensor:
    differing = flipped(ours, theirs)
    if by_numbers:
        for name in ours.keys() - {"label"}:
            differing |= (ours[name] != theirs[name]).reshape(count_of(ours), -1).any(axis=1)
    return differing


def _around(found: Segments) -> Iterator[Tensor]:
    step = np.spacing(np.abs(found.low).astype(np.float32)).astype(np.float64)
    step = np.copysign(step, found.high - found.low)
    for values in (found.low, found.high, found.low - step, found.high + step):
        yield found.at(values)
