"""Every operation of the OpenAPI document, in its order: summary, shapes, errors."""

from dataclasses import dataclass

import msgspec

from mlapi import shapes

MODELS, JOBS = "/api/v1/models/", "/api/v1/jobs/"
JOB = f"{JOBS}{{job_id}}/"
ASKING = (400, 401, 404, 405, 409, 413, 415, 422, 500, 503)
READING = (401, 403, 404)
ACTING = (401, 403, 404, 409)
SUBMITTING = (400, 401, 403, 404, 413, 415, 422)


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
    path: str, name: str, summary: str, request: type[msgspec.Struct], answer: type[msgspec.Struct]
) -> Operation:
    return Operation(
        path=path,
        name=name,
        summary=summary,
        method="post",
        request=request,
        answer=answer,
        problems=ASKING,
    )


def _reading(path: str, name: str, summary: str, problems: tuple[int, ...] = READING) -> Operation:
    return Operation(path=path, name=name, summary=summary, problems=problems)


def _acting(path: str, name: str, summary: str, problems: tuple[int, ...] = ACTING) -> Operation:
    return Operation(path=path, name=name, summary=summary, method="post", problems=problems)


ROW, ROWS, FRAMEWORK = shapes.FeatureRow, shapes.FeatureRows, shapes.FrameworkAnswer
SECTIONS: dict[str, tuple[Operation, ...]] = {
    "Predictions of the default model": (
        _asking("/predict-sync", "predictSync", "One row, synchronous", ROW, shapes.SingleAnswer),
        _asking(
            "/predict-async", "predictAsync", "One row, the fast lane", ROW, shapes.SingleAnswer
        ),
        _asking(
            "/batch-predict", "batchPredict", "Many rows", shapes.BatchRequest, shapes.BatchAnswer
        ),
        _asking("/predict-onnx", "predictOnnx", "ONNX Runtime by name", ROWS, FRAMEWORK),
        _asking("/predict-sklearn", "predictSklearn", "scikit-learn by name", ROWS, FRAMEWORK),
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
    ),
    "Predictions by the queue": (
        _asking("/predict/async", "queueRow", "One row, later", ROW, shapes.Submitted),
        _asking(
            "/batch/async",
            "queueRows",
            "Many rows, later",
            shapes.QueuedBatch,
            shapes.BatchSubmitted,
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
        _reading(f"{MODELS}{{name}}/", "readModel", "One model"),
        _reading(f"{MODELS}{{name}}/versions/", "listVersions", "Its versions"),
        _reading(f"{MODELS}{{name}}/versions/{{number}}/", "readVersion", "One version"),
        _reading(f"{MODELS}{{name}}/versions/{{number}}/report/", "readReport", "Its parity"),
    ),
    "Health and metrics": (
        Operation(path="/livez", name="livez", summary="The process answers", answer=shapes.Live),
        Operation(path="/readyz", name="readyz", summary="Ready, or not yet", answer=shapes.Ready),
        Operation(path="/metrics", name="metrics", summary="For Prometheus", problems=(401,)),
    ),
}
