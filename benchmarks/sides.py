"""Who takes part: hello-world, the tutorial app, mlapi's routes; all are sent the same rows."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from benchmarks.models import Model
from benchmarks.product import native_path, rows_body
from benchmarks.servers import JSON, post
from predictions.measure.bodies import Row, encode_in_turn, one_row

HELLO, TUTORIAL, LANE = "hello-world", "tutorial app", "/predict-async"
BATCHED, NATIVE, DRF = "/predict-batched", "native predict", "/predict-sync (DRF)"
PRODUCT = "mlapi"
CHECKED = 200


class WrongAnswer(Exception):
    """A side does not answer what the model answers: measuring it would be pointless."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """`label` finds the first row's label in an answer; None where a side predicts nothing.

    `rows` is how many a request carries, `labels` those of the first row of each body.
    """

    name: str
    server: str
    model: str
    rows: int = 1
    path: str
    bodies: tuple[bytes, ...]
    labels: Sequence[int]
    label: Callable[[object], object] | None
    headers: Mapping[str, str]

    def check(self, base_url: str) -> None:
        """Every answer is a 200 and, from those who predict, right. Raises WrongAnswer."""
        for body, expected in list(zip(self.bodies, self.labels, strict=True))[:CHECKED]:
            try:
                answer = json.loads(post(base_url + self.path, body, self.headers))
            except OSError as error:
                raise WrongAnswer(f"{self.name} answers {body!r} with {error}") from error
            if self.label is not None and self.label(answer) != expected:
                raise WrongAnswer(f"{self.name} answers {body!r} with {answer}, not {expected}")


def tutorial_server(model: Model) -> str:
    return f"{TUTORIAL} {model.name}"


def race_sides(model: Model, headers: Mapping[str, str]) -> tuple[Side, ...]:
    """All who can answer one row of the default model."""
    return (
        hello(model),
        tutorial(model),
        of_default_model(model, LANE, LANE, headers),
        of_default_model(model, BATCHED, BATCHED, headers),
        native(model, headers),
        of_default_model(model, DRF, "/predict-sync", headers),
    )


def hello(model: Model) -> Side:
    return _one_row(model, name=HELLO, server=HELLO, path="/", label=None, headers=JSON)


def tutorial(model: Model) -> Side:
    server = tutorial_server(model)
    return _one_row(
        model, name=TUTORIAL, server=server, path="/predict", label=prediction, headers=JSON
    )


def of_default_model(model: Model, name: str, path: str, headers: Mapping[str, str]) -> Side:
    return _one_row(model, name=name, server=PRODUCT, path=path, label=prediction, headers=headers)


def native(model: Model, headers: Mapping[str, str], *, rows: int = 1) -> Side:
    """The route that every model has, with `rows` rows a request."""
    sent = in_turn(model, rows)
    return Side(
        name=NATIVE,
        server=PRODUCT,
        model=model.name,
        rows=rows,
        path=native_path(model),
        bodies=encode_in_turn(sent, rows, rows_body),
        labels=model.labels[: len(sent) : rows],
        label=first_prediction,
        headers=headers,
    )


def in_turn(model: Model, rows: int = 1) -> list[Row]:
    """What is sent in turn in requests of `rows` rows."""
    return model.rows[: model.singles * rows]


def _one_row(
    model: Model,
    *,
    name: str,
    server: str,
    path: str,
    label: Callable[[object], object] | None,
    headers: Mapping[str, str],
) -> Side:
    sent = in_turn(model)
    return Side(
        name=name,
        server=server,
        model=model.name,
        path=path,
        bodies=encode_in_turn(sent, 1, one_row),
        labels=model.labels[: len(sent)],
        label=label,
        headers=headers,
    )


def prediction(answer: object) -> object:
    return answer["prediction"] if isinstance(answer, dict) else None


def first_prediction(answer: object) -> object:
    return answer["predictions"][0] if isinstance(answer, dict) else None
