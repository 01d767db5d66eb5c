"""What a model answers to rows, those left out that it does not take. Pure."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from modelregistry.comparison.rows import arranged
from modelregistry.formats.rows import Rows
from modelregistry.formats.runtime import REFUSALS, ClassLabel, Runtime
from modelregistry.formats.signature import Tensor

AT_ONCE = 1024
PROBABILITIES = "probabilities"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """One model's. `places` says which rows were answered, the tensors have an entry for each.

    `predictions` are labels [n] or numbers [n, k]; `probabilities` [n, classes] are None where the
    model tells none, or not of which classes.
    """

    places: Tensor
    predictions: Tensor
    probabilities: Tensor | None
    classes: tuple[ClassLabel, ...] | None

    def __len__(self) -> int:
        return len(self.places)

    def at(self, places: Tensor) -> "Answers":
        """Those to the rows at `places` alone, all of which were answered."""
        wanted = np.isin(self.places, places)
        return replace(
            self,
            places=self.places[wanted],
            predictions=self.predictions[wanted],
            probabilities=None if self.probabilities is None else self.probabilities[wanted],
        )


def ask(runtime: Runtime, rows: Rows, watch: Callable[[], None] = lambda: None) -> Answers:
    """All answers; `watch` is called now and then, and may raise to end it."""
    names = [spec.name for spec in runtime.signature.outputs]
    wanted = [names[0], *({PROBABILITIES} & set(names[1:]) if runtime.classes else ())]
    parts: list[tuple[list[int], list[Tensor]]] = []
    for start in range(0, len(rows), AT_ONCE):
        watch()
        parts += _answered(runtime, rows, range(start, min(start + AT_ONCE, len(rows))), wanted)
    places = np.array([place for some, _ in parts for place in some], dtype=int)
    tensors = [
        np.concatenate([answers[index] for _, answers in parts]) if parts else np.empty(0)
        for index in range(len(wanted))
    ]
    return Answers(
        places=places,
        predictions=_flat(tensors[0]),
        probabilities=tensors[1].astype(np.float64) if len(tensors) > 1 else None,
        classes=runtime.classes,
    )


def inputs_of(runtime: Runtime, rows: Rows) -> dict[str, Tensor]:
    """The rows as this model's inputs, whichever order its columns have."""
    return arranged(rows, runtime.signature.columns).tensors(runtime.signature)


def _answered(
    runtime: Runtime, rows: Rows, places: range, names: list[str]
) -> list[tuple[list[int], list[Tensor]]]:
    """All of them in one run, or where a row among them is refused, each on its own."""
    try:
        tensors = runtime.run(inputs_of(runtime, rows.at(places)), names)
        return [(list(places), [np.asarray(tensor) for tensor in tensors])]
    except REFUSALS:
        if len(places) == 1:
            return []
    return [part for at in places for part in _answered(runtime, rows, range(at, at + 1), names)]


def _flat(predictions: Tensor) -> Tensor:
    """One entry a row as [n], more as [n, k]."""
    if predictions.ndim > 1:
        predictions = predictions.reshape(len(predictions), -1)
    one = predictions.ndim == 2 and predictions.shape[1] == 1
    return predictions[:, 0] if one else predictions
