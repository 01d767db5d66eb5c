"""Whether a model answers a row by itself: in a batch, rows of different callers meet.

Pure.
"""

from collections.abc import Callable, Sequence
from typing import Final, TypeAlias

import numpy as np

from modelregistry.formats.rows import Rows, Scalar
from modelregistry.formats.signature import Datatype, Signature, Tensor, TensorSpec

Ask: TypeAlias = Callable[[Rows], Sequence[Tensor]]
MOST_ROWS: Final = 16
# Of the largest answer: a product is summed up in another order when there are more rows.
NEAR: Final[dict[Datatype, float]] = {"FP16": 1e-2, "FP32": 1e-4, "FP64": 1e-8}


def dependent_output(ask: Ask, rows: Rows, outputs: Sequence[TensorSpec]) -> str | None:
    """The first output that differs for a row alone and for it among the others; None: none does.

    Only the first MOST_ROWS are put to the model. A label may differ where two scores tie. Raises
    what `ask` raises.
    """
    few = rows.first(MOST_ROWS)
    together = ask(few)
    each = [ask(few.at([place])) for place in range(len(few))]
    alone = [np.concatenate(answers) for answers in zip(*each, strict=True)]
    ties = _tied(alone, outputs)
    for spec, ours, theirs in zip(outputs, alone, together, strict=True):
        same = _same(spec, ours, theirs)
        if not (same if spec.datatype in NEAR else same | ties).all():
            return spec.name
    return None


def varied_rows(signature: Signature) -> Rows:
    """Rows of all sorts of values, the same at each call, for a model of which no row is known."""
    random = np.random.default_rng(0)
    sorts = [spec.datatype for spec in signature.inputs for _ in range(spec.width)]
    columns = [_values(datatype, random) for datatype in sorts]
    return Rows(columns=signature.columns, values=tuple(zip(*columns, strict=True)))


def _values(datatype: Datatype, random: np.random.Generator) -> list[Scalar]:
    """One for each row. Whole numbers are small ones: they may be places in a table."""
    small = random.integers(0, 4, MOST_ROWS)
    if datatype in NEAR:
        return [float(value) for value in random.normal(scale=10.0, size=MOST_ROWS)]
    if datatype == "BYTES":
        return ["abcd"[place] for place in small]
    return [bool(place % 2) if datatype == "BOOL" else int(place) for place in small]


def _same(spec: TensorSpec, ours: Tensor, theirs: Tensor) -> Tensor:
    """One entry a row."""
    if ours.shape != theirs.shape:
        return np.zeros(len(ours), dtype=bool)
    if spec.datatype not in NEAR:
        return np.asarray((ours == theirs).reshape(len(ours), -1).all(axis=1), dtype=bool)
    near = NEAR[spec.datatype] * _largest(ours)
    close = np.isclose(ours.astype(float), theirs.astype(float), rtol=0, atol=near, equal_nan=True)
    return np.asarray(close.reshape(len(ours), -1).all(axis=1), dtype=bool)


def _tied(answers: Sequence[Tensor], outputs: Sequence[TensorSpec]) -> Tensor:
    """Rows of which the two best scores are so near that either label is right."""
    tied = np.zeros(len(answers[0]), dtype=bool)
    for spec, scores in zip(outputs, answers, strict=True):
        if spec.datatype in NEAR and scores.ndim == 2 and scores.shape[1] > 1:
            best = np.sort(scores.astype(float), axis=1)
            with np.errstate(invalid="ignore"):  # of infinite ones
                tied |= best[:, -1] - best[:, -2] <= NEAR[spec.datatype] * _largest(scores)
    return tied


def _largest(numbers: Tensor) -> float:
    finite = numbers[np.isfinite(numbers)]
    return float(np.abs(finite).max(initial=0.0))
