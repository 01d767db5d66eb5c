"""Converts an estimator and proves it: float32, then float64, else it stays in scikit-learn."""

from collections.abc import Callable

from modelregistry.conversion.budget import DEFAULT_BUDGET, Budget
from modelregistry.conversion.exporting import export_onnx
from modelregistry.conversion.measuring import Pair, measure
from modelregistry.conversion.offending import naming_the_step
from modelregistry.conversion.options import NO_OPTIONS, Options
from modelregistry.conversion.outcome import Conversion, unwatched
from modelregistry.conversion.parity import GENERATED, NO_PARITY, SAMPLES, ParityReport, in_words
from modelregistry.conversion.proving import gather, proof
from modelregistry.conversion.sampling import quietly
from modelregistry.errors import NotConvertible
from modelregistry.formats.estimators import (
    MATRIX,
    Estimator,
    classes_of,
    input_specs,
    source_signature,
)
from modelregistry.formats.onnx_format import OnnxRuntime, open_onnx
from modelregistry.formats.rows import Rows
from modelregistry.formats.runtime import FormatError
from modelregistry.formats.signature import Datatype, Signature, TensorSpec

PRECISIONS: dict[Datatype, str] = {"FP32": "single", "FP64": "double"}


def convert(
    estimator: Estimator,
    *,
    samples: Rows,
    heldout: Rows | None = None,
    rows_from: str = SAMPLES,
    budget: Budget = DEFAULT_BUDGET,
    options: Options = NO_OPTIONS,
    source: bytes = b"",
    step: Callable[[str], None] = unwatched,
) -> Conversion:
    """The first rung whose answers match the estimator's on samples and held-out rows.

    `estimator` takes columns by position; `rows_from` says where `samples` come from; `source` is
    its file, whose loading is measured; `step` hears what begins on each rung: convert, then prove.
    """
    evidence = gather(estimator, samples, heldout, rows_from, budget)
    failed: list[tuple[str, ParityReport]] = []
    for rung in options.dtypes:
        try:
            step("convert")
            data, runtime = _export(estimator, samples, rung, options.opset)
            step("prove")
            parity = proof(estimator, runtime, evidence)
        except (NotConvertible, FormatError) as error:
            failed.append((str(error), NO_PARITY))
            continue
        if parity.matches:
            pair = Pair(estimator=estimator, source=source, runtime=runtime, onnx=data)
            measured = parity.with_form(measure(pair, samples))
            return Conversion(onnx=data, signature=runtime.signature, parity=measured, reason="")
        failed.append((_shortfall(rung, parity), parity))
    with quietly(rows_from == GENERATED):
        signature = source_signature(estimator, samples)
    return Conversion(
        onnx=None,
        signature=signature,
        parity=next((parity for _, parity in failed if parity.rows), NO_PARITY),
        reason=_reason(failed, budget),
    )


def prove(
    estimator: Estimator,
    onnx: bytes,
    signature: Signature,
    *,
    samples: Rows,
    heldout: Rows | None = None,
    rows_from: str = SAMPLES,
    budget: Budget = DEFAULT_BUDGET,
    source: bytes = b"",
) -> tuple[ParityReport, str]:
    """A form made earlier, compared with the estimator now; and what is wrong, if anything is."""
    evidence = gather(estimator, samples, heldout, rows_from, budget)
    try:
        runtime = open_onnx(onnx, signature=signature, classes=classes_of(estimator))
        parity = proof(estimator, runtime, evidence)
    except (NotConvertible, FormatError) as error:
        return NO_PARITY, _reason([(str(error), NO_PARITY)], budget)
    pair = Pair(estimator=estimator, source=source, runtime=runtime, onnx=onnx)
    measured = parity.with_form(measure(pair, samples))
    if measured.matches:
        return measured, ""
    return measured, _reason([(_shortfall(_precision(signature), parity), parity)], budget)


def _export(
    estimator: Estimator, samples: Rows, rung: Datatype, opset: int | None
) -> tuple[bytes, OnnxRuntime]:
    """Raises NotConvertible, naming the step of a pipeline that cannot be."""
    specs = input_specs(samples, rung)
    try:
        data = export_onnx(estimator, specs, opset=opset)
        opened = open_onnx(data, classes=classes_of(estimator))
    except (NotConvertible, FormatError) as error:
        said = naming_the_step(estimator, str(error), lambda part: _works(part, rung, opset))
        raise NotConvertible(said) from error
    signature = Signature(inputs=specs, outputs=opened.signature.outputs, columns=samples.columns)
    return data, OnnxRuntime(opened.session, signature, opened.classes)


def _works(part: Estimator, rung: Datatype, opset: int | None) -> bool:
    """Whether that step alone has a form that can be loaded, for numbers or for words."""
    width = getattr(part, "n_features_in_", 1)
    for datatype in (rung, "BYTES"):
        try:
            spec = TensorSpec(name=MATRIX, datatype=datatype, shape=(-1, width))
            open_onnx(export_onnx(part, [spec], opset=opset))
        except (NotConvertible, FormatError):
            continue
        return True
    return False


def _precision(signature: Signature) -> Datatype:
    return next((s.datatype for s in signature.inputs if s.datatype in PRECISIONS), "FP32")


def _shortfall(rung: Datatype, parity: ParityReport) -> str:
    if parity.no_finite_answer:
        return f"In {PRECISIONS[rung]} precision no finite answer to any of {parity.rows} rows."
    largest, near = in_words(parity.max_abs_diff), parity.labels_on_threshold
    said = (
        f"In {PRECISIONS[rung]} precision {parity.label_mismatches} labels and {parity.beyond} "
        f"other answers of {parity.rows} rows differ (largest difference {largest})"
    )
    if near:
        said += f"; {near} of these labels only within one float32 step of a split of the model"
    return f"{said}."


def _reason(failed: list[tuple[str, ParityReport]], budget: Budget) -> str:
    """Each rung's reason, once, and the budget where one was not kept to."""
    said = [text if text.endswith(".") else f"{text}." for text, _ in failed]
    if any(parity.rows and not parity.no_finite_answer for _, parity in failed):
        said.append(f"The model's budget is {budget.in_words()}.")
    return " ".join(dict.fromkeys(said))
