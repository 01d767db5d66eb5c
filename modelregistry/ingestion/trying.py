"""Every row that came with a model is put to it before anything is kept. Who is refused is told."""

import logging
from collections.abc import Callable
from typing import TypeAlias

from modelregistry.conversion.parity import GENERATED, HELDOUT, SAMPLES
from modelregistry.errors import RefusedFile
from modelregistry.formats.estimators import Estimator, answer, output_names
from modelregistry.formats.onnx_format import OnnxRuntime
from modelregistry.formats.rows import Rows
from modelregistry.formats.runtime import FormatError, RowsRefused

log = logging.getLogger(__name__)

Ask: TypeAlias = Callable[[Rows], object]
# What estimators and runtimes raise for rows they do not take, and when they are damaged.
REFUSALS = (
    RowsRefused,
    FormatError,
    ArithmeticError,
    AttributeError,
    LookupError,
    TypeError,
    ValueError,
)


def try_estimator(estimator: Estimator, rows: Rows, rows_from: str) -> None:
    """All its answers for all rows. Raises RefusedFile, naming the first row it cannot answer."""
    names = output_names(estimator)
    _try(lambda some: [answer(estimator, name, some.matrix()) for name in names], rows, rows_from)


def try_onnx(runtime: OnnxRuntime, samples: Rows | None) -> None:
    """All samples, one row alone, two together. Raises RefusedFile, and FormatError where it fails
    on a row of zeros; that it refuses such a row says nothing, as a strict encoder does.
    """
    columns, blank = runtime.signature.columns, tuple(runtime.signature.blank_row())
    if samples is not None:
        _try(lambda some: _run(runtime, some), samples, SAMPLES)
    row = samples.values[0] if samples else blank
    try:
        for count in (1, 2):
            _run(runtime, Rows(columns=columns, values=(row,) * count))
    except RowsRefused:
        log.info("an ONNX model refuses a row of zeros and empty texts")


def _run(runtime: OnnxRuntime, rows: Rows) -> None:
    names = [spec.name for spec in runtime.signature.outputs]
    answers = runtime.run(rows.tensors(runtime.signature), names)
    for name, found in zip(names, answers, strict=True):
        if found.shape[:1] != (len(rows),):
            raise RefusedFile(f"The model's output {name} does not have one entry for every row.")


def _try(ask: Ask, rows: Rows, rows_from: str) -> None:
    try:
        ask(rows)
    except REFUSALS as error:
        place = _first_refused(ask, rows)
        log.info("a model refuses row %d of its %s rows: %s", place, rows_from, error)
        raise RefusedFile(_refusal(rows, place, rows_from)) from error


def _refuses(ask: Ask, rows: Rows) -> bool:
    try:
        ask(rows)
    except REFUSALS:
        return True
    return False


def _first_refused(ask: Ask, rows: Rows) -> int:
    """Counted from 1, by halving: the rows before it are answered, those up to it are not."""
    answered, refused = 0, len(rows)
    while refused - answered > 1:
        middle = (answered + refused) // 2
        if _refuses(ask, rows.first(middle)):
            refused = middle
        else:
            answered = middle
    return refused


def _refusal(rows: Rows, place: int, rows_from: str) -> str:
    if rows_from == GENERATED:
        return (
            "The model cannot answer rows made from what it has learned. Hand in sample rows that "
            "it can answer."
        )
    row = zip(rows.columns, rows.values[place - 1], strict=True)
    gaps = [name for name, value in row if value is None or value != value]  # noqa: PLR0124 (nan)
    fault = "a value in it is none that the model takes"
    if gaps:
        fault = f"it has no value for {', '.join(gaps)[:200]}"
    which = "held-out" if rows_from == HELDOUT else "sample"
    return f"The model cannot answer row {place} of the {which} rows: {fault}."
