"""Generated rows beside the budget: compared and told, whatever they come to. Pure."""

from collections.abc import Iterator

from modelregistry.conversion.comparing import compare_set, on_thresholds_in_words
from modelregistry.conversion.edges import Edge
from modelregistry.conversion.marking import Marks, Side
from modelregistry.conversion.parity import GENERATED, ParityReport, SetReport
from modelregistry.conversion.sampling import quietly
from modelregistry.formats.rows import Rows
from modelregistry.formats.runtime import REFUSALS


def with_edges(report: ParityReport, source: Side, onnx: Side, edges: list[Edge]) -> ParityReport:
    """The report and one more set, which does not decide: all edges that ONNX answers at all."""
    with quietly():
        answered = [edge for edge in edges if _answers(onnx, edge.rows)]
        notes = [
            f"In ONNX it does not answer generated rows {edge.words}"
            for edge in edges
            if edge not in answered
        ]
        if not answered:
            return report.with_sets((), notes)
        rows = Rows(
            columns=answered[0].rows.columns,
            values=tuple(row for edge in answered for row in edge.rows.values),
        )
        found, marks = compare_set(source, onnx, GENERATED, rows, report.tolerance, decides=False)
        return report.with_sets([found], [*_in_words(found, marks, answered), *notes])


def _answers(onnx: Side, rows: Rows) -> bool:
    try:
        onnx.answers(rows)
    except REFUSALS:
        return False
    return True


def _in_words(found: SetReport, marks: Marks, edges: list[Edge]) -> Iterator[str]:
    """Splits first; then, edge by edge, what lies further from them than that."""
    if found.on_threshold:
        rows = f"{found.rows} generated rows"
        yield on_thresholds_in_words(found.on_threshold, rows, found.threshold_diff)
    start = 0
    for edge in edges:
        end = start + len(edge.rows)
        differing = int((marks.label | marks.number)[start:end].sum())
        if differing:
            yield (
                f"{differing} of {len(edge.rows)} generated rows {edge.words} "
                f"{'is' if differing == 1 else 'are'} answered otherwise in ONNX"
            )
        start = end
