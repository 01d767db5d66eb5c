"""The tutorial's bodies and answers: {"features": [...]} in, {"prediction": ...} out.

Numbers only: strings, booleans and null are refused, as are values that are not finite in the
model's datatype. Made once for a version's signature.
"""

from typing import Any

import msgspec

from modelregistry.formats.signature import Signature
from predictions.errors import WrongInput
from predictions.protocols.elements import some, vector
from predictions.protocols.json_body import decode, refuse_repeated_keys
from predictions.protocols.rows import RequestRows

_encode = msgspec.json.Encoder().encode


class TutorialCodec:
    """Reads the four request shapes for one signature. Raises Malformed or WrongInput."""

    def __init__(self, signature: Signature) -> None:
        """Raises WrongInput for a model that does not take one matrix of numbers."""
        spec = signature.inputs[0]
        if not signature.is_matrix or spec.datatype in ("BYTES", "BOOL"):
            raise WrongInput(
                "The default model does not take a plain list of numbers; "
                "send its columns to /api/v1/models/{name}/predict."
            )
        row = vector(spec)
        one = msgspec.defstruct("One", [("features", row)])
        self._input = spec.name
        self._one = msgspec.json.Decoder(one)
        self._matrix = msgspec.json.Decoder(msgspec.defstruct("Matrix", [("features", some(row))]))
        queued = msgspec.defstruct("Queued", [("batch_features", some(row))])
        self._queued = msgspec.json.Decoder(queued)
        self._batch = msgspec.json.Decoder(msgspec.defstruct("Batch", [("requests", some(one))]))

    def one_row(self, body: bytes) -> RequestRows:
        """{"features": [f, ...]}"""
        message: Any = decode(self._one, body)
        refuse_repeated_keys(body, quotes=2, keys=1)
        return RequestRows({self._input: [message.features]}, 1)

    def matrix(self, body: bytes) -> RequestRows:
        """{"features": [[f, ...], ...]}"""
        message: Any = decode(self._matrix, body)
        refuse_repeated_keys(body, quotes=2, keys=1)
        return RequestRows({self._input: message.features}, len(message.features))

    def queued_batch(self, body: bytes) -> RequestRows:
        """{"batch_features": [[f, ...], ...]}"""
        message: Any = decode(self._queued, body)
        refuse_repeated_keys(body, quotes=2, keys=1)
        return RequestRows({self._input: message.batch_features}, len(message.batch_features))

    def batch(self, body: bytes) -> RequestRows:
        """{"requests": [{"features": [f, ...]}, ...]}"""
        message: Any = decode(self._batch, body)
        rows = [item.features for item in message.requests]
        refuse_repeated_keys(body, quotes=2 + 2 * len(rows), keys=1 + len(rows))
        return RequestRows({self._input: rows}, len(rows))


def single_answer(prediction: Any, duration_s: float, mode: str) -> bytes:
    return _encode(
        {"prediction": prediction, "duration_ms": milliseconds(duration_s), "mode": mode}
    )


def batched_answer(prediction: Any, duration_s: float, batch_rows: int) -> bytes:
    return _encode(
        {
            "prediction": prediction,
            "duration_ms": milliseconds(duration_s),
            "batching": "enabled",
            "batch_size": batch_rows,
        }
    )


def batch_answer(predictions: list[Any], duration_s: float) -> bytes:
    count = len(predictions)
    return _encode(
        {
            "predictions": predictions,
            "count": count,
            "total_duration_ms": milliseconds(duration_s),
            "avg_duration_ms": milliseconds(duration_s / count),
        }
    )


def framework_answer(predictions: list[Any], duration_s: float, framework: str) -> bytes:
    return _encode(
        {
            "predictions": predictions,
            "count": len(predictions),
            "duration_ms": milliseconds(duration_s),
            "framework": framework,
        }
    )


def milliseconds(seconds: float) -> float:
    """To the microsecond, which is what the clock is good for."""
    return round(seconds * 1_000_000) / 1000
