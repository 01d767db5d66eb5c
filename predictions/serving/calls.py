"""One caller's rows on their way through a batch, and its share of what the model answers."""

import logging
from collections.abc import Callable, Mapping, Sequence
from math import inf
from typing import Any, TypeAlias

import msgspec
import numpy as np

from modelregistry.formats.signature import Tensor
from predictions.serving.errors import NotFinite

log = logging.getLogger(__name__)
Inputs: TypeAlias = Mapping[str, list[object]]


class Results:
    """A run's outputs; as Python values once for all callers, since that is what most ask for."""

    __slots__ = ("_finite", "_values", "tensors")

    def __init__(self, tensors: Sequence[Tensor]) -> None:
        self.tensors = tensors
        self._finite: dict[int, bool] = {}
        self._values: dict[int, list[Any]] = {}

    def values(self, index: int, rows: slice) -> list[Any]:
        """Those rows of output `index`, as JSON values. Raises NotFinite."""
        found = self._values.get(index)
        if found is None:
            found = self._values[index] = self.tensors[index].tolist()
            self._finite[index] = is_finite(self.tensors[index])
        if not self._finite[index] and not is_finite(self.tensors[index][rows]):
            raise NotFinite
        return found[rows]


class Answer(msgspec.Struct, frozen=True, gc=False):
    """One caller's share of a run, rows `start` to `stop`; the batch had `batch_rows` rows."""

    results: Results
    start: int
    stop: int
    batch_rows: int

    def values(self, index: int) -> list[Any]:
        """The caller's rows of output `index`, in the order it was asked for. Raises NotFinite."""
        return self.results.values(index, slice(self.start, self.stop))

    def tensor(self, index: int) -> Tensor:
        tensor: Tensor = self.results.tensors[index][self.start : self.stop]
        return tensor


def is_finite(tensor: Tensor) -> bool:
    """Whether JSON has a number for every value."""
    return tensor.dtype.kind != "f" or bool(np.isfinite(tensor).all())


Share: TypeAlias = Answer | Exception
Deliver: TypeAlias = Callable[[Share], None]


class Call:
    """One caller's rows on their way through the model; `deliver` is called once, or never.

    Rows do not run at or after `deadline`, seconds of the batcher's clock.
    """

    __slots__ = (
        "_leave", "cancelled", "deadline", "deliver", "inputs", "parts", "queued_at", "rows",
        "taken",
    )  # fmt: skip

    def __init__(
        self, inputs: Inputs, rows: int, deliver: Deliver, *, deadline: float = inf
    ) -> None:
        self.inputs = inputs
        self.rows = rows
        self.deliver = deliver
        self.deadline = deadline
        self.cancelled = False
        self.taken = 0  # rows that are in a batch already
        self.parts: list[Answer] = []  # of the slices of a large call
        self.queued_at = 0.0
        self._leave: Callable[[Call], None] | None = None

    def wait(self, leave: "Callable[[Call], None]", now: float) -> None:
        """It is in a queue since `now`, which wants to be told when the caller goes."""
        self._leave = leave
        self.queued_at = now

    def arrive(self) -> None:
        """Its answer is here: no queue has to be told when the caller goes."""
        self.taken = self.rows

    def cancel(self) -> None:
        """The caller is gone: skip its rows where they have not run, answer nobody."""
        if self.cancelled:
            return
        self.cancelled = True
        if self.taken < self.rows:
            if self._leave is not None:
                self._leave(self)
            if self.taken == 0:  # else a slice may be in a run
                self.inputs = {}  # others may run for long before its turn comes


def deliver(call: Call, outcome: Share) -> None:
    """Tell its caller. What goes wrong there is nobody else's concern."""
    try:
        call.deliver(outcome)
    except Exception:
        log.exception("an answer could not be delivered")


class Part(msgspec.Struct, frozen=True, gc=False):
    """The rows of one call that are in this batch: all of them, or one slice of a large call."""

    call: Call
    start: int
    rows: int

    @property
    def stop(self) -> int:
        return self.start + self.rows


def joined(parts: list[Answer]) -> Answer:
    """The slices of a large call as one answer."""
    count = range(len(parts[0].results.tensors))
    whole = [np.concatenate([part.tensor(index) for part in parts]) for index in count]
    return Answer(Results(whole), 0, len(whole[0]), parts[-1].batch_rows)
