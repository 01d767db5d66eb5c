"""The proof: an estimator and its ONNX form put to the same rows."""

from dataclasses import dataclass

from modelregistry.conversion.beside import with_edges
from modelregistry.conversion.budget import Budget
from modelregistry.conversion.comparing import compare
from modelregistry.conversion.differences import Answers
from modelregistry.conversion.edges import Edge, edge_rows
from modelregistry.conversion.marking import Side
from modelregistry.conversion.parity import GENERATED, HELDOUT, ParityReport
from modelregistry.conversion.sampling import quietly
from modelregistry.errors import NotConvertible
from modelregistry.formats.estimators import Estimator, margins, output_names, shaped
from modelregistry.formats.onnx_format import OnnxRuntime
from modelregistry.formats.rows import Rows
from modelregistry.formats.runtime import RowsRefused


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """The rows that decide, the budget they are held against, and the edges shown beside it."""

    sets: tuple[tuple[str, Rows], ...]
    rows_from: str
    budget: Budget
    edges: list[Edge]


def gather(
    estimator: Estimator, samples: Rows, heldout: Rows | None, rows_from: str, budget: Budget
) -> Evidence:
    sets = ((rows_from, samples), *(((HELDOUT, heldout),) if heldout else ()))
    edges = edge_rows(estimator, samples)
    return Evidence(sets=sets, rows_from=rows_from, budget=budget, edges=edges)


def proof(estimator: Estimator, runtime: OnnxRuntime, evidence: Evidence) -> ParityReport:
    """Raises NotConvertible where rows that decide have no answer in ONNX."""
    source, onnx = sides(estimator, runtime)
    return with_edges(_decided(source, onnx, evidence), source, onnx, evidence.edges)


def sides(estimator: Estimator, runtime: OnnxRuntime) -> tuple[Side, Side]:
    """The source and its ONNX form, to be put to the same rows."""
    names, specs = output_names(estimator), runtime.signature.outputs

    def ours(rows: Rows) -> Answers:
        return {spec.name: shaped(estimator, spec, rows.matrix()) for spec in specs}

    def theirs(rows: Rows) -> Answers:
        found = runtime.run(rows.tensors(runtime.signature), names)
        return dict(zip(names, found, strict=True))

    source = Side(answers=ours, margins=lambda rows: margins(estimator, rows.matrix()))
    return source, Side(answers=theirs)


def _decided(source: Side, onnx: Side, evidence: Evidence) -> ParityReport:
    rows_from = evidence.rows_from
    try:
        with quietly(rows_from == GENERATED):
            return compare(source, onnx, evidence.sets, rows_from=rows_from, budget=evidence.budget)
    except (RowsRefused, ValueError) as error:
        raise NotConvertible(
            "In ONNX it does not answer all rows that scikit-learn answers."
        ) from error
