"""The rows of a set whose answers differ most, as the report shows them. Pure."""

import numpy as np

from modelregistry.conversion.differences import Answers
from modelregistry.conversion.marking import Marks
from modelregistry.conversion.parity import Prediction, WorstRow
from modelregistry.formats.rows import Rows, Scalar

MOST = 10
WIDEST = 100  # a row with more values is named by its place alone
LONGEST = 200  # characters of a text


def worst_rows(rows: Rows, ours: Answers, theirs: Answers, marks: Marks) -> tuple[WorstRow, ...]:
    """Those that count against the match first, then by difference; equal answers are none."""
    counted = marks.label | marks.number
    differing = counted | marks.tie | marks.threshold | (marks.difference > 0)
    order = np.lexsort((-marks.difference, ~counted))
    source, onnx = predictions(ours), predictions(theirs)
    return tuple(
        WorstRow(
            row=place + 1,
            verdict=marks.verdict(place),
            values=_values(rows, place),
            source=source[place],
            onnx=onnx[place],
            difference=float(marks.difference[place]),
        )
        for place in [int(place) for place in order if differing[place]][:MOST]
    )


def predictions(answers: Answers) -> tuple[Prediction, ...]:
    """What each row is answered: its label, its number, or its numbers where there are several."""
    found = answers["label"] if "label" in answers else answers["value"]
    flat = found.reshape(-1) if found.ndim == 2 and found.shape[1] == 1 else found
    return tuple(flat.tolist())


def _values(rows: Rows, place: int) -> tuple[Scalar, ...] | None:
    row = rows.values[place]
    if len(row) > WIDEST:
        return None
    return tuple(value[:LONGEST] if isinstance(value, str) else value for value in row)
