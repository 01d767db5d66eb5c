"""The whole look at a file: what it is, what it answers, its ONNX form. Runs in the confined child,
on files in the folder it works in.
"""

from collections.abc import Callable
from pathlib import Path

from modelregistry.conversion.outcome import Conversion
from modelregistry.conversion.parity import GENERATED
from modelregistry.conversion.pickled import load_trusted_pickle
from modelregistry.errors import RefusedFile
from modelregistry.formats.estimators import Estimator
from modelregistry.formats.packed import pack
from modelregistry.formats.rows import Rows
from modelregistry.formats.runtime import FormatError
from modelregistry.formats.skops_format import load_estimator, save_estimator
from modelregistry.ingestion import wire
from modelregistry.ingestion.opening import convert_source, describe_estimator, read_source
from modelregistry.ingestion.source import Source
from modelregistry.intake.recognise import PICKLES, recognise
from modelregistry.intake.tables import read_rows

WHAT = {
    wire.ROWS: "Its sample rows",
    wire.PROOF: "Its held-out rows",
    wire.FORM: "Its ONNX form",
    wire.RESAVED: "Saved anew, the estimator",
}


def examine(request: wire.Request, step: Callable[[str], None]) -> wire.Described | wire.Resaved:
    """What the model is and does. Raises RefusedFile and FormatError, saying why it is not taken.

    A pickle is saved in another form and that is all: once its code has run here, nobody believes
    what this process says of it. `step` hears convert and prove.
    """
    data = Path(wire.MODEL).read_bytes()
    samples, heldout = _samples(request), _rows(wire.HELDOUT) if request.heldout else None
    if request.pickle and recognise(data) in PICKLES:
        _leave(wire.RESAVED, _resaved(load_trusted_pickle(data), samples))
        return wire.Resaved()
    source = read_source(data, samples=samples, heldout=heldout)
    form = None
    if source.estimator is not None:
        form = _form(convert_source(source, step, budget=request.budget, options=request.options))
    return _described(source, form)


def _resaved(estimator: Estimator, samples: Rows | None) -> bytes:
    """A pickle goes on as .skops, or as ONNX alone; as itself it is never kept."""
    try:
        data = save_estimator(estimator)
        load_estimator(data)  # its types may be none that are trusted
    except FormatError as error:
        form = convert_source(describe_estimator(estimator, samples=samples)).onnx
        if form is None:
            raise RefusedFile(
                "The estimator in this pickle can be kept neither as .skops nor as ONNX."
            ) from error
        return form
    return data


def _samples(request: wire.Request) -> Rows | None:
    if request.table:
        return read_rows(Path(wire.TABLE).read_bytes(), target=request.target)
    return _rows(wire.SAMPLES) if request.samples else None


def _rows(name: str) -> Rows:
    return Rows.from_json(Path(name).read_bytes())


def _form(conversion: Conversion) -> wire.Form:
    if conversion.onnx is not None:
        _leave(wire.FORM, conversion.onnx)
    return wire.Form(
        kept=conversion.onnx is not None,
        signature=conversion.signature,
        parity=conversion.parity.to_json(),
        reason=conversion.reason,
    )


def _described(source: Source, form: wire.Form | None) -> wire.Described:
    samples = _worth_keeping(source)
    for name, rows in ((wire.ROWS, samples), (wire.PROOF, source.heldout)):
        if rows:
            _leave(name, pack(rows))
    return wire.Described(
        format=source.format,
        task=source.task,
        signature=source.signature,
        classes=source.classes,
        samples=bool(samples),
        heldout=bool(source.heldout),
        rows_from=source.rows_from,
        metrics=source.metrics,
        form=form,
    )


def _worth_keeping(source: Source) -> Rows | None:
    """All that were given; the first of those that were made, for an example."""
    if source.samples is None or source.rows_from != GENERATED:
        return source.samples
    return Rows.from_json(source.samples.first(1).to_json())  # without what is no number


def _leave(name: str, data: bytes) -> None:
    """Raises RefusedFile for more than is taken."""
    if len(data) > wire.LARGEST[name]:
        raise RefusedFile(
            f"{WHAT[name]} would have {len(data) >> 20:,} MB; at most "
            f"{wire.LARGEST[name] >> 20:,} MB are kept."
        )
    Path(name).write_bytes(data)
