"""Two models' answers to the same rows, row by row: which differ, and by how much. Pure."""

from typing import TypeAlias

import numpy as np

from modelregistry.conversion.parity import Bin
from modelregistry.formats.signature import Tensor

Answers: TypeAlias = dict[str, Tensor]
DECADES = (0.0, *(10.0**power for power in range(-10, 1)), np.inf)  # where the bins end


def count_of(answers: Answers) -> int:
    return len(next(iter(answers.values())))


def flipped(ours: Answers, theirs: Answers) -> Tensor:
    """Rows whose labels differ."""
    if "label" not in ours:
        return np.zeros(count_of(ours), dtype=bool)
    return np.asarray(ours["label"] != theirs["label"], dtype=bool).reshape(-1)


def differences(ours: Answers, theirs: Answers) -> Tensor:
    """The largest absolute difference of any number in each row's answer; inf where one is nan."""
    worst = np.zeros(count_of(ours))
    for name in ours.keys() - {"label"}:
        source, onnx = ours[name].astype(np.float64), theirs[name].astype(np.float64)
        with np.errstate(invalid="ignore", over="ignore"):  # infinity from infinity
            gap = np.abs(source - onnx)
        gap = np.where((source == onnx) | (np.isnan(source) & np.isnan(onnx)), 0.0, gap)
        worst = np.maximum(worst, np.nan_to_num(gap, nan=np.inf).max(axis=1, initial=0.0))
    return worst


def empty(answers: Answers) -> Tensor:
    """Rows whose answer holds numbers, and none that is finite."""
    found = [answers[name].astype(np.float64) for name in answers.keys() - {"label"}]
    if not found:
        return np.zeros(count_of(answers), dtype=bool)
    finite = np.column_stack([np.isfinite(numbers).any(axis=1) for numbers in found])
    return np.asarray(~finite.any(axis=1), dtype=bool)


def close(ours: Answers, theirs: Answers, tolerance: float) -> Tensor:
    """Rows in which every number is within tolerance, absolute or relative."""
    near = np.ones(count_of(ours), dtype=bool)
    for name in ours.keys() - {"label"}:
        absolute = np.isclose(theirs[name], ours[name], rtol=0, atol=tolerance, equal_nan=True)
        relative = np.isclose(theirs[name], ours[name], rtol=tolerance, atol=0, equal_nan=True)
        near &= (absolute | relative).all(axis=1)
    return near


def mean(found: Tensor) -> float:
    with np.errstate(over="ignore"):
        return float(found.mean()) if len(found) else 0.0


def p99(found: Tensor) -> float:
    """A difference that occurred: between infinite ones nothing can be interpolated."""
    return float(np.percentile(found, 99, method="higher")) if len(found) else 0.0


def histogram(found: Tensor) -> tuple[Bin, ...]:
    """Rows by decade of their difference; the first bin is of rows that do not differ at all."""
    places = np.searchsorted(DECADES, found)
    counts = np.bincount(places, minlength=len(DECADES)).tolist()
    return tuple(Bin(up_to=end, rows=rows) for end, rows in zip(DECADES, counts, strict=True))
