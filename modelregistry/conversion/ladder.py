"""Converts an estimator and proves it: float32, then float64, else it stays in scikit-learn."""

from collections.abc import Callable

from modelregistry.conversion.exporting import export_onnx
from modelregistry.conversion.outcome import Conversion, unwatched
from modelregistry.conversion.parity import (
    HELDOUT,
    NO_PARITY,
    SAMPLES,
    Answers,
    ParityReport,
    Side,
    compare,
    in_words,
)
from modelregistry.errors import NotConvertible
from modelregistry.formats.estimators import (
    Estimator,
    classes_of,
    input_specs,
    margins,
    output_names,
    shaped,
    source_signature,
)
from modelregistry.formats.onnx_format import OnnxRuntime, open_onnx
from modelregistry.formats.rows import Rows
from modelregistry.formats.runtime import FormatError, RowsRefused
from modelregistry.formats.signature import Datatype, Signature

RUNGS: tuple[Datatype, ...] = ("FP32", "FP64")


def convert(
    estimator: Estimator,
    *,
    samples: Rows,
    heldout: Rows | None = None,
    rows_from: str = SAMPLES,
    step: Callable[[str], None] = unwatched,
) -> Conversion:
    """The first rung whose answers match the estimator's on samples and held-out rows.

    `estimator` takes columns by position; `rows_from` says where `samples` come from; `step` hears
    what begins on each rung: convert, then prove.
    """
    sets = _sets(samples, heldout, rows_from)
    failed: list[tuple[str, ParityReport]] = []
    for rung in RUNGS:
        try:
            step("convert")
            data, runtime = _export(estimator, samples, rung)
            step("prove")
            parity = _prove(estimator, runtime, sets, rows_from)
        except (NotConvertible, FormatError) as error:
            failed.append((str(error), NO_PARITY))
            continue
        if parity.matches:
            return Conversion(onnx=data, signature=runtime.signature, parity=parity, reason="")
        failed.append((_shortfall(rung, parity), parity))
    return Conversion(
        onnx=None,
        signature=source_signature(estimator, samples),
        parity=next((parity for _, parity in failed if parity.rows), NO_PARITY),
        reason=_reason(failed),
    )


def prove(
    estimator: Estimator,
    onnx: bytes,
    signature: Signature,
    *,
    samples: Rows,
    heldout: Rows | None = None,
    rows_from: str = SAMPLES,
) -> tuple[ParityReport, str]:
    """A form made earlier, compared with the estimator now; and what is wrong, if anything is."""
    try:
        runtime = open_onnx(onnx, signature=signature, classes=classes_of(estimator))
        parity = _prove(estimator, runtime, _sets(samples, heldout, rows_from), rows_from)
    except (NotConvertible, FormatError) as error:
        return NO_PARITY, _reason([(str(error), NO_PARITY)])
    rung = next((spec.datatype for spec in signature.inputs if spec.datatype in RUNGS), RUNGS[0])
    return parity, "" if parity.matches else _shortfall(rung, parity)


def _sets(samples: Rows, heldout: Rows | None, rows_from: str) -> list[tuple[str, Rows]]:
    return [(rows_from, samples)] + ([(HELDOUT, heldout)] if heldout else [])


def _export(estimator: Estimator, samples: Rows, rung: Datatype) -> tuple[bytes, OnnxRuntime]:
    specs = input_specs(samples, rung)
    data = export_onnx(estimator, specs)
    opened = open_onnx(data, classes=classes_of(estimator))
    signature = Signature(inputs=specs, outputs=opened.signature.outputs, columns=samples.columns)
    return data, OnnxRuntime(opened.session, signature, opened.classes)


def _prove(
    estimator: Estimator, runtime: OnnxRuntime, sets: list[tuple[str, Rows]], rows_from: str
) -> ParityReport:
    names, specs = output_names(estimator), runtime.signature.outputs

    def ours(rows: Rows) -> Answers:
        return {spec.name: shaped(estimator, spec, rows.matrix()) for spec in specs}

    def theirs(rows: Rows) -> Answers:
        found = runtime.run(rows.tensors(runtime.signature), names)
        return dict(zip(names, found, strict=True))

    source = Side(answers=ours, margins=lambda rows: margins(estimator, rows.matrix()))
    try:
        return compare(source, Side(answers=theirs), sets, rows_from=rows_from)
    except (RowsRefused, ValueError) as error:
        raise NotConvertible(
            "In ONNX it does not answer all rows that scikit-learn answers."
        ) from error


def _shortfall(rung: Datatype, parity: ParityReport) -> str:
    words, largest = {"FP32": "single", "FP64": "double"}, in_words(parity.max_abs_diff)
    return (
        f"In {words[rung]} precision {parity.label_mismatches} labels and {parity.beyond} other "
        f"answers of {parity.rows} rows differ (largest difference {largest})."
    )


def _reason(failed: list[tuple[str, ParityReport]]) -> str:
    """Each rung's reason, once."""
    return " ".join(dict.fromkeys(text if text.endswith(".") else f"{text}." for text, _ in failed))
