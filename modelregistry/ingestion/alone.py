"""Whether a model answers a row by itself: in a batch, rows of different callers meet.

Pure.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Final, TypeAlias

import numpy as np

from modelregistry.formats.rows import Rows, Scalar
from modelregistry.formats.signature import Datatype, Signature, Tensor, TensorSpec

Ask: TypeAlias = Callable[[Rows], Sequence[Tensor]]
MOST_ROWS: Final = 8
MANY_ROWS: Final = 300  # a batch of another size: a model may change its ways above some number
# How far numbers may be apart: by this part of themselves beside other rows; of all rows' largest
# in a batch of another size, in which products are summed up in another order.
BESIDE: Final[dict[Datatype, float]] = {"FP16": 1e-3, "FP32": 1e-6, "FP64": 1e-12}
ALONE: Final[dict[Datatype, float]] = {"FP16": 5e-2, "FP32": 1e-2, "FP64": 1e-6}


def dependent_output(ask: Ask, rows: Rows, outputs: Sequence[TensorSpec]) -> str | None:
    """The first output whose entry for a row changes with the rows beside it; None: none does.

    The first MOST_ROWS are put to the model together, then with other rows in the place of some,
    then each alone, and all of them many times over: in those, a label may differ where two scores
    tie. Raises what `ask` raises.
    """
    few = rows.first(MOST_ROWS)
    together = ask(few)
    for stay, beside in _with_others_beside(few):
        for spec, ours, theirs in zip(outputs, together, ask(beside), strict=True):
            if not _equal(spec, ours[stay], theirs[stay]).all():
                return spec.name
    each = [ask(few.at([place])) for place in range(len(few))]
    alone = [np.concatenate(answers) for answers in zip(*each, strict=True)]
    often = np.resize(np.arange(len(few)), MANY_ROWS)
    among_many = [found[-len(few) :] for found in ask(few.at(often.tolist()))]
    order = often[-len(few) :]
    return _differing(alone, together, outputs) or _differing(
        [found[order] for found in alone], among_many, outputs
    )


def varied_rows(signature: Signature) -> Rows:
    """Rows of all sorts of values, the same at each call, for a model of which no row is known."""
    random = np.random.default_rng(0)
    sorts = [spec.datatype for spec in signature.inputs for _ in range(spec.width)]
    columns = [_values(datatype, random) for datatype in sorts]
    return Rows(columns=signature.columns, values=tuple(zip(*columns, strict=True)))


def _values(datatype: Datatype, random: np.random.Generator) -> list[Scalar]:
    """One for each row. Whole numbers are small ones: they may be places in a table."""
    small = random.integers(0, 4, MOST_ROWS)
    if datatype in ALONE:
        return [float(value) for value in random.normal(scale=10.0, size=MOST_ROWS)]
    if datatype == "BYTES":
        return ["abcd"[place] for place in small]
    return [bool(place % 2) if datatype == "BOOL" else int(place) for place in small]


def _with_others_beside(rows: Rows) -> Iterator[tuple[Tensor, Rows]]:
    """Places that keep their row, and the rows with another one in each place that does not.

    Of any two places one is kept and the other changed in some of them, and the other way round:
    their numbers differ in some binary digit.
    """
    places = np.arange(len(rows))
    for digit in range(max(len(rows) - 1, 0).bit_length()):
        for kept in (0, 1):
            stay = (places >> digit) & 1 == kept
            others = (places + 1) % len(rows)
            yield np.flatnonzero(stay), rows.at(np.where(stay, places, others).tolist())


def _differing(
    alone: Sequence[Tensor], together: Sequence[Tensor], outputs: Sequence[TensorSpec]
) -> str | None:
    """The same rows in batches of two sizes."""
    ties = _tied(alone, outputs)
    for spec, ours, theirs in zip(outputs, alone, together, strict=True):
        same = _near(spec, ours, theirs)
        if not (same if spec.datatype in ALONE else same | ties).all():
            return spec.name
    return None


def _equal(spec: TensorSpec, ours: Tensor, theirs: Tensor) -> Tensor:
    """One entry a row; numbers may differ in their last bits."""
    return _same(spec, ours, theirs, lambda numbers: BESIDE[spec.datatype] * np.abs(numbers))


def _near(spec: TensorSpec, ours: Tensor, theirs: Tensor) -> Tensor:
    """One entry a row; numbers may differ by what rounding makes of the largest."""
    within = ALONE[spec.datatype] * _largest(ours) if spec.datatype in ALONE else 0.0
    return _same(spec, ours, theirs, lambda numbers: np.full(numbers.shape, within))


def _same(
    spec: TensorSpec, ours: Tensor, theirs: Tensor, allowed: Callable[[Tensor], Tensor]
) -> Tensor:
    if ours.shape != theirs.shape:
        return np.zeros(len(ours), dtype=bool)
    flat, other = ours.reshape(len(ours), -1), theirs.reshape(len(ours), -1)
    if spec.datatype not in ALONE:
        return np.asarray((flat == other).all(axis=1), dtype=bool)
    within = allowed(np.nan_to_num(flat.astype(float)))
    with np.errstate(invalid="ignore"):  # of infinite ones
        apart = np.abs(flat.astype(float) - other.astype(float))
    alike = (flat == other) | (np.isnan(flat) & np.isnan(other))
    return np.asarray((alike | (apart <= within)).all(axis=1), dtype=bool)


def _tied(answers: Sequence[Tensor], outputs: Sequence[TensorSpec]) -> Tensor:
    """Rows of which the two best scores are so near that either label is right."""
    tied = np.zeros(len(answers[0]), dtype=bool)
    for spec, scores in zip(outputs, answers, strict=True):
        if spec.datatype in ALONE and scores.ndim == 2 and scores.shape[1] > 1:
            best = np.sort(scores.astype(float), axis=1)
            with np.errstate(invalid="ignore"):
                tied |= best[:, -1] - best[:, -2] <= ALONE[spec.datatype] * _largest(scores)
    return tied


def _largest(numbers: Tensor) -> float:
    finite = numbers[np.isfinite(numbers)]
    return float(np.abs(finite).max(initial=0.0))
