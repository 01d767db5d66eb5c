"""Which rows are the same to a model: what answers are kept under."""

import numpy as np
import pytest

from modelregistry.formats.signature import Signature, TensorSpec
from predictions.serving.cache import digest_of
from tests.serving.test_cache import key

TEXTS = Signature(
    inputs=(
        TensorSpec(name="a", datatype="BYTES", shape=(-1, 1)),
        TensorSpec(name="b", datatype="BYTES", shape=(-1, 1)),
    ),
    outputs=(TensorSpec(name="value", datatype="FP32", shape=(-1,)),),
    columns=("a", "b"),
)


@pytest.mark.parametrize(
    ("these", "those"),
    [
        ([[1, 2]], [[2, 1]]),
        ([[1, 2]], [[1, 2], [1, 2]]),
        ([[1, 2], [3, 4]], [[3, 4], [1, 2]]),
        ([[0.1, 0]], [[float(np.nextafter(np.float32(0.1), np.float32(1))), 0]]),
        ([[0.0, 0]], [[-0.0, 0]]),
    ],
)
def test_other_rows_have_another_digest(these: list[list[float]], those: list[list[float]]) -> None:
    assert key(these) == key(these) != key(those)


def test_numbers_that_are_the_same_to_the_model_have_the_same_digest() -> None:
    assert key([[1, 2]]) == key([[1.0, 2.0]]) == key([[1.0 + 1e-12, 2]])


def test_texts_run_into_one_another_in_no_digest() -> None:
    def digest(a: list[str | None], b: list[str | None]) -> bytes:
        return digest_of(TEXTS, {"a": a, "b": b}, len(a))

    found = {
        digest(["ab"], ["c"]), digest(["a"], ["bc"]), digest(["1:a"], [""]), digest([None], ["-"]),
        digest(["-"], [None]), digest([""], [""]), digest(["é"], ["e"]),
        digest(["a", "b"], ["", ""]),
    }  # fmt: skip
    assert len(found) == 8
