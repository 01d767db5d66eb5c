"""Requests that work as pasted, and what they answer: one list for landing page, README and tests.

The iris, diabetes and churn models are the examples that the embedded default registers.
"""

from mlapi.pasted import Example, Group

TUTORIAL = Group(
    title="One model, six ways to ask it",
    text="The default model behind routes that differ only in how they work, made to be compared.",
    examples=(
        Example(
            title="An ordinary synchronous Django view.",
            path="/predict-sync",
            body='{"features": [5.1, 3.5, 1.4, 0.2]}',
            answer='{"prediction": 0, "duration_ms": 0.412, "mode": "synchronous"}',
            model="iris",
            by_default=True,
        ),
        Example(
            title="The fast lane: pure ASGI, batched with whatever arrives at the same moment.",
            path="/predict-async",
            body='{"features": [6.7, 3.0, 5.2, 2.3]}',
            answer='{"prediction": 2, "duration_ms": 0.164, "mode": "asynchronous"}',
            model="iris",
            by_default=True,
        ),
        Example(
            title="Many rows in one request.",
            path="/batch-predict",
            body=(
                '{"requests": [{"features": [5.1, 3.5, 1.4, 0.2]},'
                ' {"features": [5.9, 3.0, 4.2, 1.5]}]}'
            ),
            answer=(
                '{"predictions": [0, 1], "count": 2,'
                ' "total_duration_ms": 0.203, "avg_duration_ms": 0.102}'
            ),
            model="iris",
            by_default=True,
        ),
        Example(
            title="ONNX Runtime, by name.",
            path="/predict-onnx",
            body='{"features": [[5.1, 3.5, 1.4, 0.2], [6.7, 3.0, 5.2, 2.3]]}',
            answer=(
                '{"predictions": [0, 2], "count": 2,'
                ' "duration_ms": 0.188, "framework": "ONNX Runtime"}'
            ),
            model="iris",
            by_default=True,
        ),
        Example(
            title="The estimator it was converted from: same answers, more time; loaded at first.",
            path="/predict-sklearn",
            body='{"features": [[5.1, 3.5, 1.4, 0.2], [6.7, 3.0, 5.2, 2.3]]}',
            answer=(
                '{"predictions": [0, 2], "count": 2,'
                ' "duration_ms": 1.207, "framework": "scikit-learn"}'
            ),
            model="iris",
            by_default=True,
        ),
        Example(
            title="Waits up to 5 ms for company: batch_size is how many rows ran together.",
            path="/predict-batched",
            body='{"features": [5.9, 3.0, 4.2, 1.5]}',
            answer=(
                '{"prediction": 1, "duration_ms": 5.317, "batching": "enabled", "batch_size": 1}'
            ),
            model="iris",
            by_default=True,
        ),
    ),
)
NATIVE = Group(
    title="Any model by name",
    text="Rows as lists, rows as objects, or columns; numbers and text, as the model was fitted.",
    own_models=True,
    examples=(
        Example(
            title="A classifier: label, probabilities, and the classes they belong to.",
            path="/api/v1/models/iris/predict",
            body='{"rows": [[5.1, 3.5, 1.4, 0.2]]}',
            answer=(
                '{"model": "iris", "version": 1, "predictions": [0],'
                ' "probabilities": [[1.0, 0.0, 0.0]], "classes": [0, 1, 2],'
                ' "request_id": "5f2c1d9a7b3e-1"}'
            ),
            model="iris",
        ),
        Example(
            title="A regression, its row given by columns.",
            path="/api/v1/models/diabetes/predict",
            body=(
                '{"columns": {"age": [0.038], "sex": [0.051], "bmi": [0.062], "bp": [0.022],'
                ' "s1": [-0.044], "s2": [-0.035], "s3": [-0.043], "s4": [-0.003],'
                ' "s5": [0.02], "s6": [-0.018]}}'
            ),
            answer=(
                '{"model": "diabetes", "version": 1, "predictions": [214.427],'
                ' "request_id": "5f2c1d9a7b3e-2"}'
            ),
            model="diabetes",
        ),
        Example(
            title="Numbers and text by column name.",
            path="/api/v1/models/churn/predict",
            body=(
                '{"rows": [{"tenure_months": 2, "monthly_charges": 95.5, "contract": "monthly",'
                ' "payment_method": "card", "support_calls": 4}]}'
            ),
            answer=(
                '{"model": "churn", "version": 1, "predictions": ["yes"],'
                ' "probabilities": [[0.043, 0.957]], "classes": ["no", "yes"],'
                ' "request_id": "5f2c1d9a7b3e-3"}'
            ),
            model="churn",
        ),
        Example(
            title="A version by its number: loaded when it is asked first.",
            path="/api/v1/models/iris/versions/1/predict",
            body='{"rows": [[5.1, 3.5, 1.4, 0.2]], "outputs": ["label"]}',
            answer=(
                '{"model": "iris", "version": 1, "predictions": [0], "outputs": {"label": [0]},'
                ' "classes": [0, 1, 2], "request_id": "5f2c1d9a7b3e-4"}'
            ),
            model="iris",
        ),
        Example(
            title="A version by an alias.",
            path="/api/v1/models/iris@champion/predict",
            body='{"rows": [[6.7, 3.0, 5.2, 2.3]], "outputs": ["label"]}',
            answer=(
                '{"model": "iris", "version": 1, "predictions": [2], "outputs": {"label": [2]},'
                ' "classes": [0, 1, 2], "request_id": "5f2c1d9a7b3e-5"}'
            ),
            model="iris",
        ),
    ),
)
QUEUE = Group(
    title="Later, by the queue",
    text="Accepted at once, run by a worker; GET /task/ with the task_id has the answer.",
    examples=(
        Example(
            title="One row for the workers.",
            path="/predict/async",
            body='{"features": [6.7, 3.0, 5.2, 2.3]}',
            answer=(
                '{"task_id": "0c1f6d0e-6f0b-4c39-9a7e-2f6f1f0f7f11", "status": "submitted",'
                ' "message": "Task submitted to queue"}'
            ),
            model="iris",
            by_default=True,
        ),
        Example(
            title="Many rows for the workers.",
            path="/batch/async",
            body='{"batch_features": [[5.1, 3.5, 1.4, 0.2], [5.9, 3.0, 4.2, 1.5]]}',
            answer=(
                '{"task_id": "5b8c3a52-1d7e-4c57-8f0b-7a5a0d9c2e63", "status": "submitted",'
                ' "batch_size": 2}'
            ),
            model="iris",
            by_default=True,
        ),
        Example(
            title="What each worker runs, and what it holds for later; nothing where none answers.",
            path="/tasks/active",
            answer='{"active_tasks": {"worker-1": []}, "scheduled_tasks": {"worker-1": []}}',
        ),
    ),
)
REGISTRY = Group(
    title="The registry",
    text="Asks for a key: the first request makes one, in the project's folder; others use it.",
    examples=(
        Example(
            title="The models, and which version of each is live; other fields left out.",
            path="/api/v1/models/",
            answer=(
                '{"results": [{"name": "churn", "task": "classification", "champion": 1},'
                ' {"name": "diabetes", "task": "regression", "champion": 1},'
                ' {"name": "iris", "task": "classification", "champion": 1}]}'
            ),
            keyed=True,
            makes_key=True,
        ),
        Example(
            title="One model, with its aliases.",
            path="/api/v1/models/iris/",
            answer=(
                '{"name": "iris", "task": "classification", "visibility": "public",'
                ' "champion": 1, "aliases": {"champion": 1}}'
            ),
            model="iris",
            keyed=True,
        ),
        Example(
            title="One version: signature, classes, artifacts, parity; most fields left out.",
            path="/api/v1/models/iris/versions/1/",
            answer=(
                '{"version": 1, "state": "ready", "runtime": "onnx", "format": "skops",'
                ' "classes": [0, 1, 2], "parity": {"status": "match", "rows": 150,'
                ' "label_mismatches": 0}}'
            ),
            model="iris",
            keyed=True,
        ),
        Example(
            title="The proof that conversion changed nothing, in full; some fields left out.",
            path="/api/v1/models/iris/versions/1/report/",
            answer=(
                '{"status": "match", "rows": 150, "label_mismatches": 0, "rows_from": "samples",'
                ' "first_source": [0, 0, 0, 0, 0], "first_onnx": [0, 0, 0, 0, 0]}'
            ),
            model="iris",
            keyed=True,
        ),
        Example(
            title=(
                "Every move of its aliases, the newest first; ?at=TIME: what was champion then."
            ),
            path="/api/v1/models/iris/history/",
            answer=(
                '{"results": [{"alias": "champion", "version": 1, "previous": null,'
                ' "actor": null}]}'
            ),
            model="iris",
            keyed=True,
        ),
    ),
)
OPERATIONS = Group(
    title="Health and metrics",
    text="For load balancers and Prometheus.",
    examples=(
        Example(title="The process answers.", path="/livez", answer='{"live": true}'),
        Example(
            title="Database, broker and default model have answered; what is lost is degraded.",
            path="/readyz",
            answer='{"ready": true, "degraded": []}',
        ),
        Example(
            title="Everything counted, by all processes; from this machine, or with a token.",
            path="/metrics",
            answer=(
                "# TYPE request_duration_seconds histogram\n"
                "# TYPE requests_total counter\n"
                "# TYPE concurrent_requests gauge\n"
                "# TYPE system_memory_percent gauge\n"
                "# TYPE system_cpu_percent gauge"
            ),
        ),
    ),
)
GROUPS = (TUTORIAL, NATIVE, QUEUE, REGISTRY, OPERATIONS)
