"""Recognise, load, describe, convert: the steps that need scikit-learn, skops and skl2onnx."""

from collections.abc import Callable
from dataclasses import replace

from modelregistry.conversion.budget import DEFAULT_BUDGET, Budget
from modelregistry.conversion.gaps import with_missing
from modelregistry.conversion.ladder import convert as convert_estimator
from modelregistry.conversion.ladder import prove as prove_estimator
from modelregistry.conversion.options import NO_OPTIONS, Options
from modelregistry.conversion.outcome import Conversion, unwatched
from modelregistry.conversion.parity import GENERATED, HELDOUT, SAMPLES, ParityReport
from modelregistry.conversion.sampling import generated_rows, quietly
from modelregistry.conversion.scoring import score
from modelregistry.errors import NotConvertible, RefusedFile
from modelregistry.formats.estimators import (
    Estimator,
    by_position,
    classes_of,
    column_names,
    source_signature,
    task_of,
)
from modelregistry.formats.onnx_format import open_onnx
from modelregistry.formats.rows import Rows, numbered
from modelregistry.formats.runtime import FormatError
from modelregistry.formats.signature import Signature
from modelregistry.formats.skops_format import load_estimator
from modelregistry.ingestion.source import Source
from modelregistry.ingestion.trying import try_estimator, try_onnx
from modelregistry.intake.names import check_names
from modelregistry.intake.onnx_gate import check_onnx, class_labels
from modelregistry.intake.recognise import accept


def read_source(data: bytes, *, samples: Rows | None = None, heldout: Rows | None = None) -> Source:
    """What the file is and does. Raises RefusedFile, saying why we do not take it."""
    kind = accept(data)
    try:
        if kind == "onnx":
            return _describe_onnx(data, samples)
        found = describe_estimator(load_estimator(data), samples=samples, heldout=heldout)
        return replace(found, file=data)
    except FormatError as error:
        raise RefusedFile(f"The file cannot be taken: {error}") from error


def describe_estimator(
    estimator: Estimator, *, samples: Rows | None = None, heldout: Rows | None = None
) -> Source:
    """A fitted estimator as a source; without sample rows some are made from what it learned.

    Raises FormatError where the rows do not fit the estimator, RefusedFile where it cannot answer
    one of them, or columns have names that cannot be asked by.
    """
    columns = column_names(estimator)
    positioned = by_position(estimator)
    rows = _fitting(samples, columns) if samples else generated_rows(positioned, columns)
    proof = _fitting(heldout, rows.columns) if heldout else None
    with quietly(not samples):
        return _described(positioned, rows, proof, SAMPLES if samples else GENERATED)


def _described(estimator: Estimator, samples: Rows, heldout: Rows | None, rows_from: str) -> Source:
    check_names("column", samples.columns)
    try_estimator(estimator, samples, rows_from)
    if heldout:
        try_estimator(estimator, heldout, HELDOUT)
    return Source(
        format="skops",
        task=task_of(estimator),
        signature=source_signature(estimator, samples),
        classes=classes_of(estimator),
        samples=samples,
        heldout=heldout,
        rows_from=rows_from,
        metrics=_measured(estimator, heldout) if heldout else {},
        estimator=estimator,
    )


def convert_source(
    source: Source,
    step: Callable[[str], None] = unwatched,
    *,
    budget: Budget = DEFAULT_BUDGET,
    options: Options = NO_OPTIONS,
) -> Conversion:
    """The source's ONNX form with its proof. Raises NotConvertible where it is ONNX already."""
    if source.estimator is None or source.samples is None:
        raise NotConvertible("It came as ONNX: there is nothing to convert.")
    conversion = convert_estimator(
        source.estimator,
        samples=source.samples,
        heldout=source.heldout,
        rows_from=source.rows_from,
        budget=budget,
        options=options,
        source=source.file,
        step=step,
    )
    return with_missing(conversion, source.estimator, source.samples)


def prove_source(
    source: Source, onnx: bytes, signature: Signature, *, budget: Budget = DEFAULT_BUDGET
) -> tuple[ParityReport, str]:
    """How an ONNX form made earlier compares with the source today, and what is wrong, if anything.

    Raises NotConvertible where the source is ONNX itself.
    """
    if source.estimator is None or source.samples is None:
        raise NotConvertible("It came as ONNX: there is nothing to compare it with.")
    return prove_estimator(
        source.estimator,
        onnx,
        signature,
        samples=source.samples,
        heldout=source.heldout,
        rows_from=source.rows_from,
        budget=budget,
        source=source.file,
    )


def _describe_onnx(data: bytes, samples: Rows | None) -> Source:
    labels = class_labels(check_onnx(data))
    runtime = open_onnx(data)
    signature = runtime.signature
    check_names("input", (spec.name for spec in signature.inputs))
    check_names("output", (spec.name for spec in signature.outputs))
    check_names("column", signature.columns)
    rows = _fitting(samples, signature.columns) if samples else None
    try_onnx(runtime, rows)
    return Source(
        format="onnx",
        task="classification" if labels else "regression",
        signature=signature,
        classes=labels,
        samples=rows,
        heldout=None,
        rows_from=SAMPLES if samples else "",
        metrics={},
        estimator=None,
    )


def _measured(estimator: Estimator, rows: Rows) -> dict[str, float]:
    try:
        return score(estimator, rows)
    except (ValueError, TypeError) as error:
        raise FormatError("the targets of the held-out rows are none it could answer.") from error


def _fitting(rows: Rows, columns: tuple[str, ...]) -> Rows:
    """The rows in the model's order of columns; a model without names takes theirs."""
    if len(rows.columns) != len(columns):
        raise FormatError(
            f"the sample rows have {len(rows.columns)} columns, the model takes {len(columns)}."
            f"{_one_too_many(rows.columns, columns)}"
        )
    if set(rows.columns) == set(columns):
        return rows.arranged(columns)
    if columns == numbered(len(columns)):
        return rows
    missing = ", ".join(sorted(set(columns) - set(rows.columns)))
    raise FormatError(f"the sample rows lack these columns of the model: {missing[:200]}.")


def _one_too_many(given: tuple[str, ...], wanted: tuple[str, ...]) -> str:
    """Which column may be the target; of a model without names it is most likely the last."""
    if len(given) != len(wanted) + 1:
        return ""
    unknown = [name for name in given if name not in wanted]
    extra = (unknown[0] if len(unknown) == 1 else given[-1])[:64]
    return (
        f" If {extra} holds the expected answers, name it as the target (register_model --target "
        f"{extra}); else leave out the column too many."
    )
