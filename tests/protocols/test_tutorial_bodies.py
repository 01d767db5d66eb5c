"""What the tutorial routes take and refuse, before any model sees it."""

import json
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelregistry.formats.signature import Signature, TensorSpec
from predictions.errors import Malformed, PredictionError, WrongInput
from predictions.protocols.rows import RequestRows
from predictions.protocols.tutorial import TutorialCodec, milliseconds

IRIS = Signature(
    inputs=(TensorSpec(name="X", datatype="FP32", shape=(-1, 4)),),
    outputs=(TensorSpec(name="label", datatype="INT64", shape=(-1,)),),
    columns=("a", "b", "c", "d"),
)
CODEC = TutorialCodec(IRIS)

MALFORMED = {
    "empty": b"",
    "no JSON": b"features=1",
    "cut short": b'{"features": [1, 2',
    "trailing text": b'{"features": [1,2,3,4]} x',
    "NaN": b'{"features": [1,2,3,NaN]}',
    "Infinity": b'{"features": [1,2,3,Infinity]}',
    "not UTF-8": b'{"features": [1,2,3,"\xff"]}',
    "a key twice": b'{"features": [1,2,3,4], "features": [1,2,3,4]}',
    "a key twice, escaped": b'{"features": [1,2,3,4], "f\\u0065atures": [1,2,3,4]}',
    "deep": b'{"x": ' + b"[" * 100_000 + b"]" * 100_000 + b', "features": [1,2,3,4]}',
    "deep and wrong": b"[" * 100_000 + b"]" * 100_000,
    "deep objects": b'{"a":' * 5000 + b"1" + b"}" * 5000,
    "40 levels": b'{"features": [1,2,3,4], "x": ' + b"[" * 40 + b"]" * 40 + b"}",
}
WRONG = {
    "no object": b"[1,2,3,4]",
    "no features": b"{}",
    "features null": b'{"features": null}',
    "no values": b'{"features": []}',
    "too few": b'{"features": [1,2,3]}',
    "too many": b'{"features": [1,2,3,4,5]}',
    "a string": b'{"features": [1,2,3,"4"]}',
    "true": b'{"features": [1,2,3,true]}',
    "null": b'{"features": [1,2,3,null]}',
    "a list": b'{"features": [1,2,3,[4]]}',
    "beyond float32": b'{"features": [1,2,3,3.5e38]}',
    "beyond float64": b'{"features": [1,2,3,1e400]}',
    "a huge integer": b'{"features": [1,2,3,1' + b"0" * 400 + b"]}",
}


@pytest.mark.parametrize("body", MALFORMED.values(), ids=MALFORMED)
def test_a_malformed_body_is_malformed(body: bytes) -> None:
    with pytest.raises(Malformed):
        CODEC.one_row(body)


@pytest.mark.parametrize("body", WRONG.values(), ids=WRONG)
def test_a_wrong_row_is_wrong_input(body: bytes) -> None:
    with pytest.raises(WrongInput):
        CODEC.one_row(body)


def test_integers_unknown_keys_and_the_largest_float32_pass() -> None:
    rows = CODEC.one_row(b'{"note": {"a": "b"}, "features": [1, -2, 0.5, 3.4028234e38]}')
    assert rows.inputs == {"X": [[1.0, -2.0, 0.5, 3.4028234e38]]}
    assert rows.count == 1


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        (b'{"features": [1,2,3]}', "features: expected 4 values, got 3."),
        (b'{"features": [1,2,3,"secret"]}', "features[3]: expected a number, got a string."),
        (b'{"features": [1,2,3,true]}', "features[3]: expected a number, got a boolean."),
        (b"{}", "the body: `features` is missing."),
        (b"7", "the body: expected an object, got an integer."),
    ],
)
def test_an_error_names_the_input_what_was_expected_and_what_came(
    body: bytes, sentence: str
) -> None:
    with pytest.raises(WrongInput) as caught:
        CODEC.one_row(body)
    assert str(caught.value) == sentence


@pytest.mark.parametrize(
    ("read", "body", "where"),
    [
        (CODEC.matrix, b'{"features": []}', "features"),
        (CODEC.batch, b'{"requests": []}', "requests"),
        (CODEC.queued_batch, b'{"batch_features": []}', "batch_features"),
    ],
)
def test_an_error_says_that_there_must_be_a_row(
    read: Callable[[bytes], RequestRows], body: bytes, where: str
) -> None:
    with pytest.raises(WrongInput, match=f"^{where}: expected at least one row\\.$"):
        read(body)


def test_a_batch_and_a_matrix_keep_their_rows_in_order() -> None:
    batch = CODEC.batch(b'{"requests": [{"features": [1,2,3,4]}, {"features": [5,6,7,8]}]}')
    matrix = CODEC.matrix(b'{"features": [[1,2,3,4], [5,6,7,8]]}')
    assert batch == matrix
    assert batch.inputs["X"] == [[1, 2, 3, 4], [5, 6, 7, 8]]


@pytest.mark.parametrize("body", [b'{"requests": []}', b'{"requests": [{"features": [1]}]}'])
def test_a_batch_without_rows_or_with_a_wrong_one_is_refused(body: bytes) -> None:
    with pytest.raises(WrongInput):
        CODEC.batch(body)


def test_a_key_twice_inside_a_batch_is_malformed() -> None:
    with pytest.raises(Malformed):
        CODEC.batch(b'{"requests": [{"features": [1,2,3,4], "features": [1,2,3,4]}]}')


def test_a_model_that_takes_columns_says_where_to_send_them() -> None:
    text = TensorSpec(name="city", datatype="BYTES", shape=(-1, 1))
    with pytest.raises(WrongInput, match="/api/v1/models/"):
        TutorialCodec(Signature(inputs=(text,), outputs=IRIS.outputs, columns=("city",)))


@given(st.binary(max_size=200))
def test_arbitrary_bytes_are_refused_in_words(body: bytes) -> None:
    with pytest.raises(PredictionError):
        CODEC.one_row(body)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(st.dictionaries(st.sampled_from(["features", "x"]), json_values))
def test_whatever_passes_is_one_row_of_four_numbers(value: object) -> None:
    body = json.dumps(value).encode()
    try:
        rows = CODEC.one_row(body)
    except PredictionError:
        return
    (row,) = rows.inputs["X"]
    assert len(row) == 4
    assert all(type(number) is float for number in row)


def test_durations_are_given_to_the_microsecond() -> None:
    assert milliseconds(0.0012345678) == 1.235
