"""What a version's schema takes its codec takes, and what the one refuses the other refuses."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from modelregistry.formats.signature import DTYPES, Signature, TensorSpec
from predictions.errors import PredictionError
from predictions.protocols.described import answer_schema, request_schema
from predictions.protocols.native import NativeCodec, answer
from tests.protocols.drawing import bodies, changed, fits

LABEL = TensorSpec(name="label", datatype="BYTES", shape=(-1,))
CHANCES = TensorSpec(name="probabilities", datatype="FP32", shape=(-1, 2))


def table(*, missing: tuple[str, ...] = ()) -> Signature:
    """A column of every datatype."""
    inputs = tuple(TensorSpec(name=f"a {kind}", datatype=kind, shape=(-1, 1)) for kind in DTYPES)
    columns = tuple(spec.name for spec in inputs)
    return Signature(inputs=inputs, outputs=(LABEL, CHANCES), columns=columns, missing=missing)


def matrix(datatype: Any, *, missing: tuple[str, ...] = ()) -> Signature:
    return Signature(
        inputs=(TensorSpec(name="X", datatype=datatype, shape=(-1, 3)),),
        outputs=(LABEL,),
        columns=("a", "b b", "ü"),
        missing=missing,
    )


SIGNATURES = {
    "every datatype": table(),
    "gaps": table(missing=("a FP32", "a FP64", "a BYTES")),
    "a matrix": matrix("FP32"),
    "a matrix of doubles with a gap": matrix("FP64", missing=("ü",)),
    "a matrix of whole numbers": matrix("INT64"),
}


@pytest.fixture(params=SIGNATURES.values(), ids=SIGNATURES)
def signature(request: pytest.FixtureRequest) -> Signature:
    return request.param


def schema_of(signature: Signature) -> dict[str, Any]:
    return json.loads(json.dumps(request_schema(signature, signature.blank_row())))


def takes(codec: NativeCodec, body: object) -> bool:
    try:
        codec.request(json.dumps(body).encode())
    except PredictionError:
        return False
    return True


def test_it_is_json_schema_and_its_example_fits(signature: Signature) -> None:
    schema = schema_of(signature)
    Draft202012Validator.check_schema(schema)
    (example,) = schema["examples"]
    whole = all(spec.datatype != "BOOL" for spec in signature.inputs)
    assert fits(schema, example) is takes(NativeCodec(signature), example) is whole


def test_what_it_takes_the_codec_takes(signature: Signature) -> None:
    schema, codec = schema_of(signature), NativeCodec(signature)

    @settings(max_examples=100)
    @given(bodies(schema))
    def holds(body: dict[str, Any]) -> None:
        assert fits(schema, body)
        assert takes(codec, body), body

    holds()


def test_the_codec_takes_what_fits_and_nothing_else(signature: Signature) -> None:
    schema, codec = schema_of(signature), NativeCodec(signature)

    @settings(max_examples=200)
    @given(changed(schema))
    def holds(body: Any) -> None:
        assert fits(schema, body) == takes(codec, body), body

    holds()


@pytest.mark.parametrize("missing", [(), ("ü",)])
def test_null_is_said_to_be_taken_where_a_value_may_be_missing(missing: tuple[str, ...]) -> None:
    schema = schema_of(matrix("FP32", missing=missing))
    assert fits(schema, {"rows": [[1, 2, None]]}) is bool(missing)
    assert not fits(schema, {"rows": [[None, 2, 3]]})


@given(st.data())
def test_answers_fit(data: st.DataObject) -> None:
    schema = answer_schema(table(), ("no", "yes"))
    Draft202012Validator.check_schema(schema)
    outputs = {"label": ["no", "yes"], "probabilities": [[1.0, 0.0], [0.5, 0.5]]}
    asked = data.draw(st.none() | st.lists(st.sampled_from(list(outputs)), unique=True))
    body = answer(
        model="m",
        version=1,
        outputs=outputs,
        classes=("no", "yes"),
        asked=None if asked is None else tuple(asked),
        request_id="r",
    )
    Draft202012Validator(schema).validate(json.loads(body))


@pytest.mark.parametrize(
    ("shape", "rows", "others"),
    [
        ((-1,), [1.5], [[1.5]]),
        ((-1, 1), [[1.5]], [[1.5, 2.5]]),
        ((-1, 2), [[1.5, 2.5]], [[1.5]]),
        ((-1, -1), [[1.5]], ["text"]),
        ((-1, -1), [[1.5, 2.5]], [[[1.5]]]),
        ((-1, 2, 1), [[[1.5], [2.5]]], [[1.5, 2.5]]),
    ],
)
def test_predictions_are_said_as_they_are_nested(
    shape: tuple[int, ...], rows: list[Any], others: list[Any]
) -> None:
    spec = TensorSpec(name="value", datatype="FP64", shape=shape)
    one = Signature(inputs=table().inputs, outputs=(spec,), columns=table().columns)
    schema = Draft202012Validator(answer_schema(one, None))

    def body(outputs: list[Any]) -> Any:
        facts = {"model": "m", "version": 1, "classes": None, "request_id": "r"}
        return json.loads(answer(outputs={"value": outputs}, asked=("value",), **facts))

    schema.validate(body(rows))
    assert not schema.is_valid(body(others))
