"""Predictions outside the lane: run in the calling thread, for comparison, or left to the queue;
and what a version takes and answers.
"""

from collections.abc import Sequence
from time import perf_counter
from typing import Any

import msgspec
from django.conf import settings
from django.contrib.auth.models import AnonymousUser, User

from jobs.models import Job
from jobs.services import submit
from modelregistry.access import may_ask
from modelregistry.formats.runtime import Runtime
from predictions.protocols.described import answer_schema, example_request, request_schema
from predictions.protocols.rows import RequestRows, predictions_of
from predictions.protocols.tutorial import (
    TutorialCodec,
    framework_answer,
    single_answer,
)
from predictions.runtime import models
from predictions.serving.engine import Loaded, run_unbatched
from predictions.serving.errors import UnknownModel
from predictions.serving.per_version import PerVersion

_codecs = PerVersion(lambda loaded: TutorialCodec(loaded.signature))


def predict_synchronously(body: bytes, caller: User | None) -> bytes:
    """{"features": [...]} through the default model, unbatched, in this thread: the answer's body.

    Raises PredictionError or ServingError.
    """
    started = perf_counter()
    loaded = _default_model(caller)
    rows = _codecs.of(loaded).one_row(body)
    prediction = _predict(loaded, loaded.runtime, rows)[0]
    return single_answer(prediction, perf_counter() - started, "synchronous")


def predict_with_scikit_learn(body: bytes, caller: User | None) -> bytes:
    """{"features": [[...], ...]} through the default model's source estimator: the answer's body.

    Raises PredictionError (NoSourceEstimator among them) or ServingError.
    """
    started = perf_counter()
    _default_model(caller)
    loaded, source = models.source(settings.DEFAULT_MODEL)
    rows = _codecs.of(loaded).matrix(body)
    predictions = _predict(loaded, source, rows)
    return framework_answer(predictions, perf_counter() - started, "scikit-learn")


def schema_of(address: str, caller: User | None) -> dict[str, Any]:
    """What the version at an address takes and answers, and its example, for those who may ask it.

    Raises ServingError.
    """
    models.start()
    live = models.described(address, caller)
    return {
        "model": live.model,
        "version": live.version,
        "request": request_schema(live.signature, live.example),
        "answer": answer_schema(live.signature, live.classes),
        "example": example_request(live.signature, live.example),
    }


def queue_prediction(body: bytes, owner: User | None) -> Job:
    """{"features": [...]}, checked as if it were to run at once, as a job.

    Raises PredictionError or ServingError.
    """
    rows = _codecs.of(_default_model(owner)).one_row(body)
    ((features,),) = rows.inputs.values()
    return _queued("predict_task", {"features": features}, owner)


def queue_batch(body: bytes, owner: User | None) -> tuple[Job, int]:
    """{"batch_features": [[...], ...]} as a job, and how many rows there are.

    Raises PredictionError, ServingError or WrongParams.
    """
    rows = _codecs.of(_default_model(owner)).queued_batch(body)
    (batch,) = rows.inputs.values()
    return _queued("batch_predict_task", {"batch_features": batch}, owner), rows.count


def _queued(kind: str, params: dict[str, Any], owner: User | None) -> Job:
    return submit(kind=kind, params=params, owner=owner, origin=Job.Origin.TUTORIAL)


def predict_rows(rows: Sequence[Sequence[float]], owner: User | None) -> list[object]:
    """Rows through the default model in one run, in this thread: a prediction for each.

    Without an owner, who asks was looked at before. Raises PredictionError or ServingError.
    """
    loaded = _live_default() if owner is None else _default_model(owner)
    checked = _codecs.of(loaded).matrix(msgspec.json.encode({"features": rows}))
    return _predict(loaded, loaded.runtime, checked)


def _default_model(caller: User | None) -> Loaded:
    """The default model, for callers who may ask it; None is one without a key."""
    loaded = _live_default()
    if not may_ask(caller or AnonymousUser(), loaded.identity.audience):
        raise UnknownModel
    return loaded


def _live_default() -> Loaded:
    models.start()
    return models.engine.live(settings.DEFAULT_MODEL)


def _predict(loaded: Loaded, runtime: Runtime, rows: RequestRows) -> list[object]:
    first_output = loaded.signature.outputs[0].name
    (output,) = run_unbatched(runtime, rows.inputs, [first_output])
    return predictions_of(output.tolist())
