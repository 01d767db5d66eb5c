"""Shapes of bodies that no serializer describes, for the OpenAPI document alone.

What is accepted and answered is decided by predictions/protocols; a test holds the two together.
"""

from typing import Annotated, Any
from uuid import UUID

import msgspec
from msgspec import UNSET, Meta, UnsetType

Label = int | float | str
Scalar = int | float | str | None


class FeatureRow(msgspec.Struct):
    features: Annotated[list[float], Meta(min_length=1)]


class FeatureRows(msgspec.Struct):
    features: Annotated[list[Annotated[list[float], Meta(min_length=1)]], Meta(min_length=1)]


class BatchRequest(msgspec.Struct):
    requests: Annotated[list[FeatureRow], Meta(min_length=1)]


class SingleAnswer(msgspec.Struct):
    prediction: Label
    duration_ms: float
    mode: str


class BatchAnswer(msgspec.Struct):
    predictions: list[Label]
    count: int
    total_duration_ms: float
    avg_duration_ms: float


class FrameworkAnswer(msgspec.Struct):
    predictions: list[Label]
    count: int
    duration_ms: float
    framework: str


class BatchedAnswer(msgspec.Struct):
    prediction: Label
    duration_ms: float
    batching: str
    batch_size: Annotated[int, Meta(description="Rows that ran together in one batch.")]


class QueuedBatch(msgspec.Struct):
    batch_features: Annotated[list[Annotated[list[float], Meta(min_length=1)]], Meta(min_length=1)]


class Submitted(msgspec.Struct):
    task_id: UUID
    status: str
    message: str


class BatchSubmitted(msgspec.Struct):
    task_id: UUID
    status: str
    batch_size: int


class PredictRequest(msgspec.Struct):
    """Either `rows` or `columns`."""

    rows: Annotated[
        list[list[Scalar] | dict[str, Scalar]] | UnsetType,
        Meta(description="Rows as lists in the model's order, or as objects by column name."),
    ] = UNSET
    columns: Annotated[
        dict[str, list[Scalar]] | UnsetType, Meta(description="Values by column name.")
    ] = UNSET
    outputs: Annotated[
        list[str] | UnsetType, Meta(description="Outputs to answer with, by name; default: all.")
    ] = UNSET


class PredictAnswer(msgspec.Struct):
    model: str
    version: int
    predictions: list[Label]
    request_id: str
    probabilities: Annotated[
        list[list[float]] | UnsetType, Meta(description="A row each, in the order of `classes`.")
    ] = UNSET
    classes: list[Label] | UnsetType = UNSET
    outputs: Annotated[
        dict[str, list[Any]] | UnsetType, Meta(description="Where outputs were named.")
    ] = UNSET


class Live(msgspec.Struct):
    live: bool


class Ready(msgspec.Struct):
    ready: bool
    degraded: Annotated[
        list[str] | UnsetType, Meta(description="What was lost; predictions go on.")
    ] = UNSET
    waiting_for: list[str] | UnsetType = UNSET
    draining: bool | UnsetType = UNSET


class Problem(msgspec.Struct):
    """An error. `code` is stable, `detail` is for people."""

    type: str
    title: str
    status: int
    code: str
    detail: str
    request_id: str
