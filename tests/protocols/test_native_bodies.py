"""The native protocol: rows as arrays, rows as objects, columns."""

import json

import pytest

from modelregistry.formats.signature import Signature, TensorSpec
from predictions.errors import Malformed, WrongInput
from predictions.protocols.native import NativeCodec, NativeRequest, answer

OUTPUTS = (
    TensorSpec(name="label", datatype="BYTES", shape=(-1,)),
    TensorSpec(name="probabilities", datatype="FP32", shape=(-1, 2)),
)
TABLE = Signature(
    inputs=(
        TensorSpec(name="tenure", datatype="FP32", shape=(-1, 1)),
        TensorSpec(name="contract type", datatype="BYTES", shape=(-1, 1)),
        TensorSpec(name="calls", datatype="INT64", shape=(-1, 1)),
    ),
    outputs=OUTPUTS,
    columns=("tenure", "contract type", "calls"),
)
MATRIX = Signature(
    inputs=(TensorSpec(name="X", datatype="FP32", shape=(-1, 2)),),
    outputs=OUTPUTS,
    columns=("width", "length"),
)
TABLE_CODEC, MATRIX_CODEC = NativeCodec(TABLE), NativeCodec(MATRIX)


def read(codec: NativeCodec, value: object) -> NativeRequest:
    return codec.request(json.dumps(value).encode())


KNOWN = "tenure, contract type, calls"


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        (
            {"rows": [{"tenure": 1, "secret": 2}]},
            f"rows[0]: has a column this model does not know; it takes {KNOWN}.",
        ),
        ({"rows": [{"tenure": 1, "calls": 2}]}, "rows[0]: `contract type` is missing."),
        ({"rows": []}, "rows: expected at least one row."),
        (
            {
                "rows": [[1, "a", 2]],
                "columns": {"tenure": [1], "contract type": ["a"], "calls": [2]},
            },
            'The body must have either "rows" or "columns", not both.',
        ),
        ({"rows": [[1, "a", 2]], "outputs": []}, "outputs: expected at least one."),
    ],
)
def test_an_error_says_what_the_model_takes(body: object, sentence: str) -> None:
    with pytest.raises(WrongInput) as caught:
        read(TABLE_CODEC, body)
    assert str(caught.value) == sentence


def test_arrays_objects_and_columns_say_the_same_of_a_table() -> None:
    arrays = read(TABLE_CODEC, {"rows": [[1, "a", 2], [3, "b", 4]]})
    objects = read(
        TABLE_CODEC,
        {
            "rows": [
                {"calls": 2, "tenure": 1, "contract type": "a"},
                {"tenure": 3, "contract type": "b", "calls": 4},
            ]
        },
    )
    columns = read(
        TABLE_CODEC, {"columns": {"contract type": ["a", "b"], "tenure": [1, 3], "calls": [2, 4]}}
    )
    assert arrays == objects == columns
    assert arrays.rows.inputs == {"tenure": [1, 3], "contract type": ["a", "b"], "calls": [2, 4]}
    assert arrays.rows.count == 2


def test_arrays_objects_and_columns_say_the_same_of_a_matrix() -> None:
    arrays = read(MATRIX_CODEC, {"rows": [[1, 2], [3, 4]]})
    mixed = read(MATRIX_CODEC, {"rows": [{"length": 2, "width": 1}, [3, 4]]})
    columns = read(MATRIX_CODEC, {"columns": {"width": [1, 3], "length": [2, 4]}})
    assert [list(map(list, r.rows.inputs["X"])) for r in (arrays, mixed, columns)] == [
        [[1, 2], [3, 4]]
    ] * 3


def test_outputs_are_chosen_by_name() -> None:
    assert read(MATRIX_CODEC, {"rows": [[1, 2]], "outputs": ["probabilities"]}).outputs == (
        "probabilities",
    )


WRONG = {
    "neither rows nor columns": {},
    "both": {"rows": [[1, "a", 2]], "columns": {"tenure": [1]}},
    "no rows": {"rows": []},
    "rows null": {"rows": None},
    "too short": {"rows": [[1, "a"]]},
    "too long": {"rows": [[1, "a", 2, 3]]},
    "a string for a number": {"rows": [["1", "a", 2]]},
    "a number for a string": {"rows": [[1, 1, 2]]},
    "a fraction for an integer": {"rows": [[1, "a", 2.5]]},
    "beyond int64": {"rows": [[1, "a", 2**63]]},
    "null": {"rows": [[1, None, 2]]},
    "a column missing": {"rows": [{"tenure": 1, "calls": 2}]},
    "a column too many": {"rows": [{"tenure": 1, "contract type": "a", "calls": 2, "x": 1}]},
    "columns of unequal length": {
        "columns": {"tenure": [1], "contract type": ["a", "b"], "calls": [1]}
    },
    "columns without values": {"columns": {"tenure": [], "contract type": [], "calls": []}},
    "an unknown output": {"rows": [[1, "a", 2]], "outputs": ["secret"]},
    "an output twice": {"rows": [[1, "a", 2]], "outputs": ["label", "label"]},
    "no outputs": {"rows": [[1, "a", 2]], "outputs": []},
}


@pytest.mark.parametrize("value", WRONG.values(), ids=WRONG)
def test_a_wrong_request_is_refused_without_echo(value: object) -> None:
    with pytest.raises(WrongInput) as caught:
        read(TABLE_CODEC, value)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    "body",
    [
        b'{"rows": [[1, "a", 2]], "rows": [[1, "a", 2]]}',
        b'{"rows": [{"tenure": 1, "tenure": 2, "contract type": "a", "calls": 2}]}',
        b'{"rows": [{"tenure": 1, "t\\u0065nure": 2, "contract type": "a", "calls": 2}]}',
        b'{"rows": [[1, "a", 2]], "x": ' + b"[" * 40 + b"]" * 40 + b"}",
        b'{"rows": [[1, "\\ud800", 2]]}',
        b'{"rows": [[1, "\xed\xa0\x80", 2]]}',
    ],
)
def test_repeated_keys_depth_and_broken_text_are_malformed(body: bytes) -> None:
    with pytest.raises(Malformed):
        TABLE_CODEC.request(body)


def test_strings_with_quotes_and_escapes_pass_unharmed() -> None:
    text = 'say "hi"\\ \u00e9\u4e2d\x00'
    assert read(TABLE_CODEC, {"rows": [[1, text, 2]]}).rows.inputs["contract type"] == [text]


def test_a_classifiers_answer_has_probabilities_in_the_order_of_classes() -> None:
    outputs = {
        "label": ["no", "yes"],
        "probabilities": [[0.75, 0.25], [0.5, 0.5]],
    }
    body = answer(
        model="churn", version=3, outputs=outputs, classes=("no", "yes"), asked=None, request_id="r"
    )
    assert json.loads(body) == {
        "model": "churn",
        "version": 3,
        "predictions": ["no", "yes"],
        "probabilities": [[0.75, 0.25], [0.5, 0.5]],
        "classes": ["no", "yes"],
        "request_id": "r",
    }


def test_asked_outputs_come_by_name_and_a_regressors_column_is_flat() -> None:
    outputs = {"value": [[1.5], [2.5]]}
    body = answer(
        model="d", version=1, outputs=outputs, classes=None, asked=("value",), request_id="r"
    )
    value = json.loads(body)
    assert value["predictions"] == [1.5, 2.5]
    assert value["outputs"] == {"value": [[1.5], [2.5]]}
    assert "classes" not in value


WIDE = Signature(
    inputs=(
        TensorSpec(name="wide", datatype="FP32", shape=(-1, 2)),
        TensorSpec(name="name", datatype="BYTES", shape=(-1, 1)),
        TensorSpec(name="square", datatype="FP32", shape=(-1, 2, 2)),
    ),
    outputs=OUTPUTS,
    columns=("w0", "w1", "name", "s0", "s1", "s2", "s3"),
)


def test_tensors_of_any_width_are_cut_from_rows_and_from_columns_alike() -> None:
    codec = NativeCodec(WIDE)
    row = [1, 2, "a", 3, 4, 5, 6]
    asked = [
        {"rows": [row]},
        {"rows": [dict(zip(WIDE.columns, row, strict=True))]},
        {"columns": {name: [value] for name, value in zip(WIDE.columns, row, strict=True)}},
    ]
    for request in asked:
        inputs = read(codec, request).rows.inputs
        tensors = {spec.name: spec.tensor(inputs[spec.name]) for spec in WIDE.inputs}
        assert tensors["wide"].tolist() == [[1, 2]]
        assert tensors["name"].tolist() == [["a"]]
        assert tensors["square"].tolist() == [[[3, 4], [5, 6]]]


def test_a_single_square_input_is_asked_by_flat_rows() -> None:
    square = Signature(inputs=WIDE.inputs[2:], outputs=OUTPUTS, columns=WIDE.columns[3:])
    (entry,) = read(NativeCodec(square), {"rows": [[3, 4, 5, 6]]}).rows.inputs["square"]
    assert square.inputs[0].tensor([entry]).tolist() == [[[3, 4], [5, 6]]]


MANY = 4000  # rows, which make a body that is large


@pytest.mark.parametrize("text", ['a "quoted": word', "\u00e9\n", "plain"])
def test_large_bodies_with_escapes_pass_and_with_repeated_keys_do_not(text: str) -> None:
    rows = [{"tenure": i, "contract type": text, "calls": i} for i in range(MANY)]
    assert read(TABLE_CODEC, {"rows": rows, "outputs": ["label"]}).rows.count == MANY
    doubled = json.dumps({"rows": rows}).replace('"tenure": 7,', '"tenure": 7, "tenure": 7,', 1)
    with pytest.raises(Malformed):
        TABLE_CODEC.request(doubled.encode())
