"""Rows that lie on the splits of a model, where one step of float32 is another answer. Pure."""

from collections.abc import Callable
from typing import TypeAlias

import numpy as np

from modelregistry.conversion.differences import Answers, close, flipped
from modelregistry.formats.rows import Rows
from modelregistry.formats.signature import Tensor

Ask: TypeAlias = Callable[[Rows], Answers]
MOST_SUSPECTS = 1000  # a conversion that is worse is not saved by its neighbours
MOST_VALUES = 200_000  # put to the source at once
MOST_IN_ALL = 20_000_000  # neighbours of a wide row are many, and each is as wide


def on_thresholds(
    ask: Ask, theirs: Answers, rows: Rows, suspects: Tensor, tolerance: float
) -> Tensor:
    """Those suspects whose ONNX answer the source gives too, one float32 step away."""
    beside = np.zeros(len(rows), dtype=bool)
    numeric = np.flatnonzero(~np.array(rows.textual, dtype=bool))
    if not suspects.any() or not len(numeric):
        return beside
    table = rows.matrix()
    step = float32_steps(table[:, numeric].astype(np.float64))
    around = 2 * len(numeric) + 2  # neighbours of a row
    values = around * table.shape[1]
    places = np.flatnonzero(suspects)[: min(MOST_SUSPECTS, max(1, MOST_IN_ALL // values))]
    at_once = max(1, MOST_VALUES // values)
    for some in np.split(places, range(at_once, len(places), at_once)):
        moved = np.vstack([_neighbours(table[place], numeric, step) for place in some])
        near = ask(Rows.of(moved, columns=rows.columns))
        wanted = {name: np.repeat(theirs[name][some], around, 0) for name in near}
        same = ~flipped(near, wanted) & close(near, wanted, tolerance)
        beside[some] = same.reshape(-1, around).any(axis=1)
    return beside


def float32_steps(numbers: Tensor) -> Tensor:
    """For each column the distance between neighbours in float32 at its largest number."""
    magnitude = np.abs(np.nan_to_num(numbers)).max(axis=0)
    return np.asarray(np.spacing(magnitude.astype(np.float32)).astype(np.float64))


def _neighbours(row: Tensor, numeric: Tensor, step: Tensor) -> Tensor:
    """The row with all its numbers a step lower or higher, and with each one alone."""
    moves = np.vstack([-step, step, -np.diag(step), np.diag(step)])
    around = np.repeat(row[None, :], len(moves), axis=0)
    around[:, numeric] = around[:, numeric] + moves
    return around
