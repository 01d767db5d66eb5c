"""null stands for a value that is missing, in the columns that the signature names, only there."""

import numpy as np
import pytest

from modelregistry.formats.signature import Signature, TensorSpec
from predictions.errors import Malformed, WrongInput
from predictions.protocols.native import NativeCodec

ANSWER = TensorSpec(name="value", datatype="FP32", shape=(-1, 1))
TABLE = Signature(
    inputs=(
        TensorSpec(name="size", datatype="FP32", shape=(-1, 1)),
        TensorSpec(name="city", datatype="BYTES", shape=(-1, 1)),
        TensorSpec(name="rooms", datatype="FP32", shape=(-1, 1)),
    ),
    outputs=(ANSWER,),
    columns=("size", "city", "rooms"),
    missing=("size", "city"),
)
MATRIX = Signature(
    inputs=(TensorSpec(name="X", datatype="FP32", shape=(-1, 3)),),
    outputs=(ANSWER,),
    columns=("a", "b", "c"),
    missing=("b",),
)


@pytest.mark.parametrize(
    "body",
    [
        b'{"rows": [[null, null, 3], [70, "Rome", 4]]}',
        b'{"rows": [{"size": null, "city": null, "rooms": 3}, [70, "Rome", 4]]}',
        b'{"columns": {"size": [null, 70], "city": [null, "Rome"], "rooms": [3, 4]}}',
    ],
)
def test_null_in_a_column_that_may_lack_values(body: bytes) -> None:
    rows = NativeCodec(TABLE).request(body).rows
    assert rows.inputs == {"size": [None, 70], "city": [None, "Rome"], "rooms": [3, 4]}
    size = TABLE.inputs[0].tensor(rows.inputs["size"])
    assert np.isnan(size[0, 0])
    assert size[1, 0] == 70


def test_a_matrix_takes_null_in_the_columns_that_are_named() -> None:
    codec = NativeCodec(MATRIX)
    rows = codec.request(b'{"rows": [[1, null, 3]]}').rows
    tensor = MATRIX.inputs[0].tensor([list(row) for row in rows.inputs["X"]])
    assert np.isnan(tensor).tolist() == [[False, True, False]]
    with pytest.raises(WrongInput, match="expected a number, got null"):
        codec.request(b'{"rows": [[null, 2, 3]]}')


@pytest.mark.parametrize(
    "body",
    [
        b'{"rows": [[1, "x", null]]}',
        b'{"rows": [{"size": 1, "city": "x", "rooms": null}]}',
        b'{"columns": {"size": [1], "city": ["x"], "rooms": [null]}}',
    ],
)
def test_null_elsewhere_is_refused(body: bytes) -> None:
    with pytest.raises(WrongInput, match="expected a number, got null"):
        NativeCodec(TABLE).request(body)


def test_a_column_left_out_is_not_a_missing_value() -> None:
    with pytest.raises(WrongInput, match="`city` is missing"):
        NativeCodec(TABLE).request(b'{"rows": [{"size": 1, "rooms": 3}]}')


def test_keys_are_counted_though_a_text_is_missing() -> None:
    body = b'{"rows": [{"size": 1, "city": null, "rooms": 3, "size": 2}]}'
    with pytest.raises(Malformed, match="twice"):
        NativeCodec(TABLE).request(body)


def test_a_signature_kept_before_there_was_such_a_thing_allows_no_null() -> None:
    kept = {name: value for name, value in TABLE.to_json().items() if name != "missing"}
    assert Signature.from_json(kept).missing == ()
