"""Who takes part: hello-world, the tutorial app, mlapi's routes; all are sent the same rows."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.iris import Iris
from benchmarks.servers import HERE, TUTORIAL_PYTHON, Server, post
from predictions.measure.bodies import Row, encode_in_turn, one_row

CHECKED_ROWS = 200


class WrongAnswer(Exception):
    """A side does not answer what the forest answers: measuring it would be pointless."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """`label` finds the predicted label in an answer; None where a side predicts nothing."""

    name: str
    server: Server
    path: str
    bodies: tuple[bytes, ...]
    label: Callable[[object], object] | None

    def check(self, base_url: str, labels: Sequence[int]) -> None:
        """Every answer is a 200 and, from those who predict, right. Raises WrongAnswer."""
        for body, expected in list(zip(self.bodies, labels, strict=True))[:CHECKED_ROWS]:
            try:
                answer = json.loads(post(base_url + self.path, body))
            except OSError as error:
                raise WrongAnswer(f"{self.name} answers {body!r} with {error}") from error
            if self.label is not None and self.label(answer) != expected:
                raise WrongAnswer(f"{self.name} answers {body!r} with {answer}, not {expected}")


def sides(model: Iris, folder: Path) -> tuple[Side, ...]:
    """All sides; `folder` holds the tutorial app's model and mlapi's data."""
    one = encode_in_turn(model.rows, 1, one_row)
    native = encode_in_turn(model.rows, 1, rows_body)
    hello, tutorial, mlapi = servers(folder, one[0])
    return (
        Side(name="hello-world", server=hello, path="/", bodies=one, label=None),
        Side(name="tutorial app", server=tutorial, path="/predict", bodies=one, label=prediction),
        Side(name="/predict-async", server=mlapi, path="/predict-async", bodies=one,
             label=prediction),
        Side(name="/predict-batched", server=mlapi, path="/predict-batched", bodies=one,
             label=prediction),
        Side(name="native predict", server=mlapi, path="/api/v1/models/iris/predict",
             bodies=native, label=first_prediction),
    )  # fmt: skip


def servers(folder: Path, body: bytes) -> tuple[Server, Server, Server]:
    hello = Server(
        name="hello", application="benchmarks.hello:application", probe_path="/", probe_body=body
    )
    tutorial = Server(
        name="tutorial",
        application="tutorial_app:app",
        probe_path="/predict",
        probe_body=body,
        python=TUTORIAL_PYTHON,
        folder=HERE,
        environment={"BENCH_MODEL": str(folder / "iris.onnx")},
    )
    mlapi = Server(
        name="mlapi",
        application="mlapi.asgi:application",
        http="mlapi.asgi:Http",
        probe_path="/predict-async",
        probe_body=body,
        environment=mlapi_environment(folder),
    )
    return hello, tutorial, mlapi


def mlapi_environment(folder: Path) -> dict[str, str]:
    """The embedded default on a data folder of its own, metrics shared as in production."""
    return {
        "DATABASE_URL": "",
        "REDIS_URL": "",
        "MLAPI_DATA_DIR": str(folder / "data"),
        "PROMETHEUS_MULTIPROC_DIR": str(folder / "prometheus"),
    }


def rows_body(rows: Sequence[Row]) -> object:
    return {"rows": rows}


def prediction(answer: object) -> object:
    return answer["prediction"] if isinstance(answer, dict) else None


def first_prediction(answer: object) -> object:
    return answer["predictions"][0] if isinstance(answer, dict) else None
