"""How far two models' answers are apart, and how near each is to the targets. Pure."""

from collections import Counter
from collections.abc import Sequence

import msgspec
import numpy as np

from modelregistry.comparison.answers import Answers
from modelregistry.formats.runtime import ClassLabel
from modelregistry.formats.signature import Tensor

ALIKE = 1e-4  # absolute or relative: numbers this close are the same answer
MOST_CLASSES = 12
BARS = 20


class Agreement(msgspec.Struct, frozen=True, kw_only=True):
    """Over rows that both have answered. `equal`: the same label, or numbers that are ALIKE.

    Differences are absolute, those of a row's numbers (of its probabilities, where answers are
    labels) the largest; None where there are none, infinite ones are counted in `not_finite`.
    """

    rows: int
    equal: int
    max_abs_diff: float | None = None
    mean_abs_diff: float | None = None
    p99_abs_diff: float | None = None
    not_finite: int = 0


class LabelTable(msgspec.Struct, frozen=True, kw_only=True):
    """`counts[i][j]`: how many rows the first model calls `labels[i]` and the second `labels[j]`"""

    labels: tuple[ClassLabel, ...]
    counts: tuple[tuple[int, ...], ...]


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """Whose labels are the targets."""

    both_right: int
    only_a: int
    only_b: int
    both_wrong: int


class Bar(msgspec.Struct, frozen=True, kw_only=True):
    low: float
    high: float
    count: int


def gaps(a: Answers, b: Answers, *, labelled: bool) -> Tensor | None:
    """For each row how far its numbers are apart, or its probabilities where answers are labels;
    None where those cannot be compared.
    """
    if not labelled:
        return _gap(a.predictions, b.predictions)
    return _probability_gap(a, b) if _sure(a, b) else None


def farthest(a: Answers, b: Answers, *, labelled: bool) -> list[int]:
    """The places of rows that are not ALIKE: other labels first, then by how far they are apart."""
    found = gaps(a, b, labelled=labelled)
    far = np.zeros(len(a)) if found is None else found
    if labelled:
        other = differ(a, b)
        unlike = other | (far > ALIKE)
        far = np.where(other, far + 1, far)  # a probability's gap is at most 1
    else:
        unlike = ~_alike(a.predictions, b.predictions)
    order = np.argsort(-far, kind="stable")
    return [place for place in order.tolist() if unlike[place]]


def agreement(a: Answers, b: Answers, *, labelled: bool) -> Agreement:
    alike = ~differ(a, b) if labelled else _alike(a.predictions, b.predictions)
    return _summed(len(a), int(alike.sum()), gaps(a, b, labelled=labelled))


def differ(a: Answers, b: Answers) -> Tensor:
    """Rows whose labels are not equal; 1 and 1.0 are."""
    pairs = zip(a.predictions.tolist(), b.predictions.tolist(), strict=True)
    return np.array([one != other for one, other in pairs], dtype=bool)


def label_table(a: Answers, b: Answers) -> LabelTable | None:
    """None where there are more than MOST_CLASSES labels."""
    pairs = Counter(zip(a.predictions.tolist(), b.predictions.tolist(), strict=True))
    given = dict.fromkeys((*(a.classes or ()), *(b.classes or ())))  # in the models' own order
    others = sorted({label for pair in pairs for label in pair} - set(given), key=str)
    labels = (*given, *others)
    if len(labels) > MOST_CLASSES:
        return None
    counts = tuple(tuple(pairs[mine, theirs] for theirs in labels) for mine in labels)
    return LabelTable(labels=labels, counts=counts)


def verdict(a: Answers, b: Answers, targets: Sequence[ClassLabel]) -> Verdict:
    right_a, right_b = _right(a, targets), _right(b, targets)
    return Verdict(
        both_right=int((right_a & right_b).sum()),
        only_a=int((right_a & ~right_b).sum()),
        only_b=int((~right_a & right_b).sum()),
        both_wrong=int((~right_a & ~right_b).sum()),
    )


def scores(answers: Answers, targets: Sequence[ClassLabel], *, labelled: bool) -> dict[str, float]:
    """Accuracy, or R2 and mean absolute error, as the registry measures them; what the rows do not
    define is left out, and so is everything where the targets are of another kind.
    """
    if labelled:
        return {"accuracy": float(_right(answers, targets).mean())} if len(answers) else {}
    if answers.predictions.ndim != 1 or any(isinstance(target, str) for target in targets):
        return {}
    wanted, found = np.array(targets, dtype=np.float64), answers.predictions.astype(np.float64)
    if not len(wanted) or not np.isfinite(found).all():
        return {}
    error, spread = ((wanted - found) ** 2).sum(), ((wanted - wanted.mean()) ** 2).sum()
    r2 = {"r2": float(1 - error / spread)} if len(wanted) > 1 and spread else {}
    return {**r2, "mean_absolute_error": float(np.abs(wanted - found).mean())}


def histogram(a: Answers, b: Answers) -> tuple[Bar, ...]:
    """How much more the second model says than the first; empty where that is always nothing, or
    an answer is many numbers.
    """
    if a.predictions.ndim != 1:
        return ()
    more = b.predictions.astype(np.float64) - a.predictions.astype(np.float64)
    finite = more[np.isfinite(more)]
    if not finite.any():
        return ()
    counts, edges = np.histogram(finite, bins=BARS)
    bars = zip(edges[:-1].tolist(), edges[1:].tolist(), counts.tolist(), strict=True)
    return tuple(Bar(low=low, high=high, count=count) for low, high, count in bars)


def _right(answers: Answers, targets: Sequence[ClassLabel]) -> Tensor:
    pairs = zip(answers.predictions.tolist(), targets, strict=True)
    return np.array([one == other for one, other in pairs], dtype=bool)


def _sure(a: Answers, b: Answers) -> bool:
    """Whether both tell probabilities, of the same classes."""
    told = a.probabilities is not None and b.probabilities is not None
    return told and set(a.classes or ()) == set(b.classes or ())


def _probability_gap(a: Answers, b: Answers) -> Tensor:
    assert a.probabilities is not None
    assert b.probabilities is not None
    assert a.classes is not None
    assert b.classes is not None
    return _gap(a.probabilities, b.probabilities[:, [b.classes.index(c) for c in a.classes]])


def _gap(a: Tensor, b: Tensor) -> Tensor:
    """The largest absolute difference in each row; two that are not finite alike differ by 0."""
    one, other = _table(a), _table(b)
    with np.errstate(invalid="ignore"):  # infinity from infinity
        gap = np.abs(one - other)
    gap = np.where((one == other) | (np.isnan(one) & np.isnan(other)), 0.0, gap)
    return np.asarray(np.nan_to_num(gap, nan=np.inf, posinf=np.inf).max(axis=1, initial=0.0))


def _alike(a: Tensor, b: Tensor) -> Tensor:
    one, other = _table(a), _table(b)
    absolute = np.isclose(one, other, rtol=0, atol=ALIKE, equal_nan=True)
    relative = np.isclose(one, other, rtol=ALIKE, atol=0, equal_nan=True)
    return np.asarray((absolute | relative).all(axis=1))


def _table(values: Tensor) -> Tensor:
    return values.astype(np.float64).reshape(len(values), -1)


def _summed(rows: int, equal: int, far: Tensor | None) -> Agreement:
    if far is None:
        return Agreement(rows=rows, equal=equal)
    finite = far[np.isfinite(far)]
    if not len(finite):
        return Agreement(rows=rows, equal=equal, not_finite=len(far))
    return Agreement(
        rows=rows,
        equal=equal,
        max_abs_diff=float(finite.max()),
        mean_abs_diff=float(finite.mean()),
        p99_abs_diff=float(np.quantile(finite, 0.99)),
        not_finite=len(far) - len(finite),
    )
