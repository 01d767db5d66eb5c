"""Every operation of the OpenAPI document, in its order: summary, shapes, errors."""

from dataclasses import dataclass

import msgspec

from mlapi import shapes

MODELS, JOBS = "/api/v1/models/", "/api/v1/jobs/"
KEYS = "/api/v1/keys/"
JOB = f"{JOBS}{{job_id}}/"
ASKING = (400, 401, 404, 405, 409, 413, 415, 422, 500, 503)
LANE = (*ASKING, 504)  # these take Request-Timeout
READING = (401, 403, 404)
DESCRIBING = (401, 404, 503)
ACTING = (401, 403, 404, 409)
SUBMITTING = (400, 401, 403, 404, 413, 415, 422)
HANDING_IN = (400, 401, 403, 404, 409, 413, 415, 422)

CHANGING = (400, 401, 403, 404, 409, 415, 422)
MODEL = f"{MODELS}{{name}}/"
VERSION = f"{MODEL}versions/{{number}}/"


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """What a route takes and gives; shapes None: DRF has described it, or it is text."""

    path: str
    name: str
    summary: str
    method: str = "get"
    request: type[msgspec.Struct] | None = None
    answer: type[msgspec.Struct] | None = None
    problems: tuple[int, ...] = ()


def _asking(
    path: str,
    name: str,
    summary: str,
    request: type[msgspec.Struct],
    answer: type[msgspec.Struct],
    *,
    problems: tuple[int, ...] = LANE,
) -> Operation:
    return Operation(
        path=path,
        name=name,
        summary=summary,
        method="post",
        request=request,
        answer=answer,
        problems=problems,
    )


def _reading(path: str, name: str, summary: str, problems: tuple[int, ...] = READING) -> Operation:
    return Operation(path=path, name=name, summary=summary, problems=problems)


def _acting(path: str, name: str, summary: str, problems: tuple[int, ...] = ACTING) -> Operation:
    return Operation(path=path, name=name, summary=summary, method="post", problems=problems)


def _changing(
    method: str, path: str, name: str, summary: str, problems: tuple[int, ...] = CHANGING
) -> Operation:
    return Operation(path=path, name=name, summary=summary, method=method, problems=problems)


ROW, ROWS, FRAMEWORK = shapes.FeatureRow, shapes.FeatureRows, shapes.FrameworkAnswer
SECTIONS: dict[str, tuple[Operation, ...]] = {
    "Predictions of the default model": (
        _asking(
            "/predict-sync",
            "predictSync",
            "One row, synchronous",
            ROW,
            shapes.SingleAnswer,
            problems=ASKING,
        ),
        _asking(
            "/predict-async", "predictAsync", "One row, the fast lane", ROW, shapes.SingleAnswer
        ),
        _asking(
            "/batch-predict", "batchPredict", "Many rows", shapes.BatchRequest, shapes.BatchAnswer
        ),
        _asking("/predict-onnx", "predictOnnx", "ONNX Runtime by name", ROWS, FRAMEWORK),
        _asking(
            "/predict-sklearn",
            "predictSklearn",
            "scikit-learn by name",
            ROWS,
            FRAMEWORK,
            problems=ASKING,
        ),
        _asking(
            "/predict-batched",
            "predictBatched",
            "One row, waiting for company",
            ROW,
            shapes.BatchedAnswer,
        ),
    ),
    "Predictions of any model": (
        _asking(
            "/api/v1/models/{name}/predict",
            "predict",
            "Rows or columns",
            shapes.PredictRequest,
            shapes.PredictAnswer,
        ),
        _asking(
            "/api/v1/models/{name}/versions/{number}/predict",
            "predictVersion",
            "By that version",
            shapes.PredictRequest,
            shapes.PredictAnswer,
        ),
        _asking(
            "/api/v1/models/{name}@{alias}/predict",
            "predictAlias",
            "By an alias's version",
            shapes.PredictRequest,
            shapes.PredictAnswer,
        ),
        _reading(f"{MODEL}schema/", "readSchema", "What a model takes and answers", DESCRIBING),
        _reading(f"{VERSION}schema/", "readVersionSchema", "What that version does", DESCRIBING),
    ),
    "Predictions by the queue": (
        _asking(
            "/predict/async", "queueRow", "One row, later", ROW, shapes.Submitted, problems=ASKING
        ),
        _asking(
            "/batch/async",
            "queueRows",
            "Many rows, later",
            shapes.QueuedBatch,
            shapes.BatchSubmitted,
            problems=ASKING,
        ),
        _reading("/task/{task_id}", "readTask", "How a task is doing", (401, 404)),
        _reading("/tasks/active", "activeTasks", "What the workers do", (401,)),
    ),
    "Jobs": (
        _reading(JOBS, "listJobs", "Jobs", (400, 401, 403)),
        _acting(JOBS, "submitJob", "Submit a job", SUBMITTING),
        _reading(JOB, "readJob", "One job, or its next change", (400, 401, 403, 404)),
        _reading(f"{JOB}events/", "readJobEvents", "Its log", (400, 401, 403, 404)),
        _reading(f"{JOB}result/", "readJobResult", "What it came to", ACTING),
        _acting(f"{JOB}cancel/", "cancelJob", "Cancel it"),
        _acting(f"{JOB}retry/", "retryJob", "Do it again"),
        _reading("/api/v1/job-kinds/", "listJobKinds", "Kinds of jobs", (401, 403)),
    ),
    "Registry": (
        _reading(MODELS, "listModels", "Models"),
        _changing("post", MODELS, "createModel", "A new model", (*SUBMITTING, 409)),
        _reading(MODEL, "readModel", "One model"),
        _changing("patch", MODEL, "changeModel", "Change what is said of it"),
        _changing("delete", MODEL, "archiveModel", "Archive it", ACTING),
        _changing("put", f"{MODEL}aliases/{{alias}}/", "moveAlias", "Promote, or move an alias"),
        _changing(
            "delete", f"{MODEL}aliases/{{alias}}/", "removeAlias", "Take it away", (400, *ACTING)
        ),
        _changing("post", f"{MODEL}rollback/", "rollback", "The champion before serves again"),
        _reading(f"{MODEL}history/", "readHistory", "Which version when", (400, *READING)),
        _acting(f"{MODEL}retrain/", "retrainModel", "Fit it anew", SUBMITTING),
        _reading(f"{MODEL}versions/", "listVersions", "Its versions"),
        _acting(f"{MODEL}versions/", "handInVersion", "Hand in a version", HANDING_IN),
        _reading(VERSION, "readVersion", "One version"),
        _reading(f"{VERSION}report/", "readReport", "Its parity", ACTING),
        _reading(f"{VERSION}download/", "download", "Its file", (400, *ACTING, 503)),
        _changing("post", f"{VERSION}convert/", "convertVersion", "Convert it to ONNX"),
    ),
    "Keys": (
        _reading(KEYS, "listKeys", "One's own keys"),
        _acting(KEYS, "createKey", "A new key, shown once", (*SUBMITTING, 409)),
        _changing("delete", f"{KEYS}{{key_id}}/", "revokeKey", "Revoke it", READING),
    ),
    "Health and metrics": (
        Operation(path="/livez", name="livez", summary="The process answers", answer=shapes.Live),
        Operation(path="/readyz", name="readyz", summary="Ready, or not yet", answer=shapes.Ready),
        Operation(path="/metrics", name="metrics", summary="For Prometheus", problems=(401,)),
    ),
}
