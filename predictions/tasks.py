"""The kinds of work with predictions: one row, many rows, and a load test."""

from typing import Annotated

import msgspec
from django.conf import settings
from django.contrib.auth.models import User
from msgspec import Meta

from jobs.kinds import Kind, Subject, Work, record
from modelregistry.errors import RegistryError, UnknownModel
from modelregistry.formats.runtime import RowsRefused
from modelregistry.models import RegisteredModel
from modelregistry.permissions import LOADTEST_MODEL
from modelregistry.tasks import model_page, named_or_wrong, owner_of
from predictions.errors import PredictionError
from predictions.load_testing import LoadTest, run_load_test
from predictions.measure.errors import MeasureError
from predictions.services import predict_rows
from predictions.serving.errors import ServingError

PREDICT, BATCH_PREDICT, LOAD_TEST = "predict_task", "batch_predict_task", "load_test_task"
MOST_ROWS = 100_000
MOST_REQUESTS, MOST_CONCURRENT, MOST_ROWS_IN_A_REQUEST = 100_000, 256, 1000
MOST_ROWS_SENT = 5_000_000

Number = int | float  # a whole number stays one: some models take nothing else
Features = Annotated[list[Number], Meta(min_length=1)]


class PredictParams(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One row for the default model."""

    features: Features


class BatchPredictParams(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Rows for the default model."""

    batch_features: Annotated[list[Features], Meta(min_length=1, max_length=MOST_ROWS)]


class LoadTestParams(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """So many requests to this server, so many in flight, so many rows in each."""

    model: str
    requests: Annotated[int, Meta(ge=1, le=MOST_REQUESTS)] = 1000
    concurrency: Annotated[int, Meta(ge=1, le=MOST_CONCURRENT)] = 32
    rows: Annotated[int, Meta(ge=1, le=MOST_ROWS_IN_A_REQUEST)] = 1

    def __post_init__(self) -> None:
        if self.requests * self.rows > MOST_ROWS_SENT:
            raise ValueError(f"requests times rows is more than {MOST_ROWS_SENT}")


def run_predict(work: Work, params: PredictParams) -> dict[str, object]:
    (prediction,) = predict_rows([params.features], owner_of(work))
    return {"prediction": prediction, "status": "completed"}


def run_batch_predict(work: Work, params: BatchPredictParams) -> dict[str, object]:
    predictions = predict_rows(params.batch_features, owner_of(work))
    return {"predictions": predictions, "count": len(predictions), "status": "completed"}


def run_load(work: Work, params: LoadTestParams) -> dict[str, object]:
    asked = LoadTest(
        model=params.model,
        requests=params.requests,
        concurrency=params.concurrency,
        rows=params.rows,
        owner_id=work.owner_id,
    )
    return run_load_test(
        asked, lambda done: work.progress(done, params.requests, "sending requests")
    )


def _default_model_page(params: msgspec.Struct, owner: User | None) -> Subject | None:
    """None as long as there is no default model for them: such a job fails by itself, and says
    so.
    """
    try:
        return model_page(RegisteredModel.objects.named(settings.DEFAULT_MODEL, seen_by=owner))
    except UnknownModel:
        return None


def _tested_model_page(params: LoadTestParams, owner: User | None) -> Subject:
    with named_or_wrong():
        return model_page(RegisteredModel.objects.named(params.model, seen_by=owner))


def predict_message(features: object) -> dict[str, object]:
    """Arguments of a message that a producer sends on its own."""
    return {"features": features}


def batch_predict_message(batch_features: object) -> dict[str, object]:
    return {"batch_features": batch_features}


SHOWN = (PredictionError, ServingError, RowsRefused, RegistryError)
record(
    Kind(
        name=PREDICT,
        title="Predict one row",
        params=PredictParams,
        handler=run_predict,
        subject=_default_model_page,
        time_limit_s=60,
        audited=False,
        shown=SHOWN,
        direct=predict_message,
    )
)
record(
    Kind(
        name=BATCH_PREDICT,
        title="Predict many rows",
        params=BatchPredictParams,
        handler=run_batch_predict,
        subject=_default_model_page,
        time_limit_s=600,
        audited=False,
        shown=SHOWN,
        direct=batch_predict_message,
    )
)
record(
    Kind(
        name=LOAD_TEST,
        title="Put a model under load",
        params=LoadTestParams,
        handler=run_load,
        subject=_tested_model_page,
        permission=LOADTEST_MODEL,
        time_limit_s=900,
        shown=(*SHOWN, MeasureError),
    )
)
