"""Runtimes whose behaviour a test can steer; each answers twice the sum of a row."""

import threading
from collections.abc import Mapping, Sequence

import numpy as np

from modelregistry.formats.runtime import RowsRefused
from modelregistry.formats.signature import Signature, Tensor, TensorSpec
from predictions.serving.cost import Cost

SIGNATURE = Signature(
    inputs=(TensorSpec(name="X", datatype="FP32", shape=(-1, 2)),),
    outputs=(
        TensorSpec(name="value", datatype="FP32", shape=(-1,)),
        TensorSpec(name="negative", datatype="FP32", shape=(-1,)),
    ),
    columns=("a", "b"),
)
CHEAP = Cost(one_row_s=1e-5, many_rows_s=2e-5, many_rows=32)


def dear() -> Cost:
    """A cost above the border of inline runs, whatever is learnt."""
    return Cost(one_row_s=1e6, many_rows_s=1e6, many_rows=32)


class Doubling:
    """2 * (a + b), and its negative. Remembers the size of every batch."""

    signature = SIGNATURE
    classes = None

    def __init__(self) -> None:
        self.batches: list[int] = []

    def run(self, inputs: Mapping[str, Tensor], outputs: Sequence[str]) -> list[Tensor]:
        x = inputs["X"]
        self.batches.append(len(x))
        value = 2 * x.sum(axis=1)
        return [{"value": value, "negative": -value}[name] for name in outputs]


class Poisonable(Doubling):
    """Raises for a batch that holds a row starting with 666."""

    def run(self, inputs: Mapping[str, Tensor], outputs: Sequence[str]) -> list[Tensor]:
        if np.any(inputs["X"][:, 0] == 666):
            raise RuntimeError("poison")
        return super().run(inputs, outputs)


class Picky(Doubling):
    """Refuses rows starting with 666, as an encoder does that meets a new category."""

    def run(self, inputs: Mapping[str, Tensor], outputs: Sequence[str]) -> list[Tensor]:
        if np.any(inputs["X"][:, 0] == 666):
            raise RowsRefused
        return super().run(inputs, outputs)


class Gated(Doubling):
    """Runs only once the test has opened the gate."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = threading.Event()
        self.entered = threading.Event()

    def run(self, inputs: Mapping[str, Tensor], outputs: Sequence[str]) -> list[Tensor]:
        self.entered.set()
        assert self.gate.wait(30)
        return super().run(inputs, outputs)
