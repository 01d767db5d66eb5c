"""Every row that came with a model is put to it before anything is kept. Who is refused is told."""

import logging
from collections.abc import Callable
from functools import partial
from itertools import chain
from typing import Final, TypeAlias

import numpy as np

from modelregistry.conversion.parity import GENERATED, HELDOUT, SAMPLES
from modelregistry.errors import RefusedFile
from modelregistry.formats.estimators import Estimator, answer, output_names
from modelregistry.formats.onnx_format import OnnxRuntime
from modelregistry.formats.rows import Rows, is_missing
from modelregistry.formats.runtime import REFUSALS, RowsRefused
from modelregistry.formats.signature import Tensor
from modelregistry.ingestion.alone import dependent_output, varied_rows

log = logging.getLogger(__name__)

Ask: TypeAlias = Callable[[Rows], object]
ROW_CPU_S: Final = 5.0  # what needs longer serves nobody
FIRST: Final = 32  # samples that are looked at for a number
SAMPLES_CPU_S: Final = 120.0  # for all of them, which may be a million


def try_estimator(estimator: Estimator, rows: Rows, rows_from: str) -> None:
    """All its answers for all rows. Raises RefusedFile, naming the first row it cannot answer."""
    names = output_names(estimator)
    _try(lambda some: [answer(estimator, name, some.matrix()) for name in names], rows, rows_from)


def try_onnx(runtime: OnnxRuntime, samples: Rows | None) -> None:
    """All samples, one row alone, two together, and each of some rows alone and among the others.

    Raises RefusedFile, and FormatError where it fails on a row of zeros; that it refuses such a
    row, or one that was made, says nothing: a strict encoder does.
    """
    columns, blank = runtime.signature.columns, tuple(runtime.signature.blank_row())
    if samples is not None:
        _try(partial(_run, runtime, cpu_s=SAMPLES_CPU_S), samples, SAMPLES)
        _refuse_hollow(runtime, samples.first(FIRST))
        try:
            _refuse_dependent(runtime, samples)
        except REFUSALS as error:
            raise RefusedFile(
                "The model answers its sample rows together, not one alone."
            ) from error
    row = samples.values[0] if samples else blank
    try:
        for count in (1, 2):
            _run(runtime, Rows(columns=columns, values=(row,) * count))
    except RowsRefused:
        log.info("an ONNX model refuses a row of zeros and empty texts")
    try:
        _refuse_dependent(runtime, varied_rows(runtime.signature))
    except REFUSALS as error:
        log.info("an ONNX model refuses rows of all sorts of values: %s", error)


def _refuse_hollow(runtime: OnnxRuntime, rows: Rows) -> None:
    """Raises RefusedFile where rows without a gap have answers in numbers, and none is finite."""
    if any(map(is_missing, chain.from_iterable(rows.values))):
        return
    numbers = [found for found in _run(runtime, rows) if found.dtype.kind == "f"]
    if numbers and not any(np.isfinite(found).any() for found in numbers):
        raise RefusedFile("The model has no finite answer to any of its first sample rows.")


def _refuse_dependent(runtime: OnnxRuntime, rows: Rows) -> None:
    """Raises RefusedFile, and what the model raises for these rows."""
    name = dependent_output(partial(_run, runtime), rows, runtime.signature.outputs)
    if name is not None:
        raise RefusedFile(
            f"The model's output {name} for a row changes with the rows beside it. Rows of "
            "different callers are answered together: each row must be answered by itself."
        )


def _run(runtime: OnnxRuntime, rows: Rows, *, cpu_s: float | None = None) -> list[Tensor]:
    cpu_s = min(ROW_CPU_S * len(rows), SAMPLES_CPU_S) if cpu_s is None else cpu_s
    names = [spec.name for spec in runtime.signature.outputs]
    try:
        answers = runtime.run_within(cpu_s, rows.tensors(runtime.signature), names)
    except TimeoutError as error:
        raise RefusedFile(
            f"The model needs more than {cpu_s:g} seconds of computing to answer "
            f"{'a row' if len(rows) == 1 else f'{len(rows):,} rows'}."
        ) from error
    for name, found in zip(names, answers, strict=True):
        if found.shape[:1] != (len(rows),):
            raise RefusedFile(f"The model's output {name} does not have one entry for every row.")
    return answers


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
