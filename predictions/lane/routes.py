"""The routes of the data plane: the tutorial's five and the native one."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import NamedTuple

from predictions.errors import NoOnnxArtifact
from predictions.lane.exchange import Exchange
from predictions.lane.reading import Ask
from predictions.protocols import native, tutorial
from predictions.protocols.rows import RequestRows, predictions_of
from predictions.serving.batcher import Batcher, Policy
from predictions.serving.calls import Answer
from predictions.serving.engine import Loaded
from predictions.serving.per_version import PerVersion

BATCHED_ROWS, BATCHED_WAIT_S = 32, 0.005


def waiting(policy: Policy) -> Policy:
    """Under this one callers wait for company, so that they see batching."""
    rows = min(policy.max_batch_rows, BATCHED_ROWS)
    return replace(policy, max_batch_rows=rows, max_wait_s=policy.max_wait_s or BATCHED_WAIT_S)


def as_it_is(policy: Policy) -> Policy:
    return policy


class TutorialRoute:
    """Rows in a shape of the tutorial's, the first output alone, an answer of the route's own."""

    def __init__(
        self,
        endpoint: str,
        *,
        read: Callable[[tutorial.TutorialCodec, bytes], RequestRows],
        write: Callable[[Answer, float], bytes],
        policy: Callable[[Policy], Policy] = as_it_is,
        onnx_only: bool = False,
    ) -> None:
        self.endpoint = endpoint
        self._read = read
        self._write = write
        self._policy = policy
        self._onnx_only = onnx_only
        self._prepared = PerVersion(self._prepare)

    def _prepare(self, loaded: Loaded) -> tuple[tutorial.TutorialCodec, Batcher]:
        first_output = (loaded.signature.outputs[0].name,)
        codec = tutorial.TutorialCodec(loaded.signature)
        return codec, loaded.batcher(first_output, self._policy(loaded.policy))

    def read(self, loaded: Loaded, body: bytes) -> Ask:
        if self._onnx_only and loaded.identity.framework != "onnx":
            raise NoOnnxArtifact("The live version is not served by ONNX Runtime.")
        return Ask(self._read(self._prepared.of(loaded)[0], body))

    def batcher(self, loaded: Loaded, ask: Ask) -> Batcher:
        return self._prepared.of(loaded)[1]

    def finish(self, exchange: Exchange, answer: Answer) -> bytes:
        return self._write(answer, exchange.seconds)


class NativeRoute:
    """Any version of a model; all outputs, or those the client names."""

    def __init__(self, endpoint: str, codecs: PerVersion[native.NativeCodec]) -> None:
        self.endpoint = endpoint
        self._codecs = codecs

    def read(self, loaded: Loaded, body: bytes) -> Ask:
        request = self._codecs.of(loaded).request(body)
        return Ask(request.rows, request.outputs)

    def batcher(self, loaded: Loaded, ask: Ask) -> Batcher:
        return loaded.batcher(_to_run(loaded, ask.outputs), loaded.policy)

    def finish(self, exchange: Exchange, answer: Answer) -> bytes:
        loaded = exchange.loaded
        assert loaded is not None  # its rows were read for it
        names = _to_run(loaded, exchange.wish)
        return native.answer(
            model=loaded.identity.model,
            version=loaded.identity.version,
            outputs={name: answer.values(at) for at, name in enumerate(names)},
            classes=loaded.classes,
            asked=exchange.wish,
            request_id=exchange.request_id,
        )


def _to_run(loaded: Loaded, asked: tuple[str, ...] | None) -> tuple[str, ...]:
    """Outputs in the signature's order: the prediction always, and what was asked for.

    Nothing asked for is the prediction, and a classifier's probabilities.
    """
    names = [spec.name for spec in loaded.signature.outputs]
    wanted = ("probabilities",) if asked is None else asked
    return tuple(name for at, name in enumerate(names) if at == 0 or name in wanted)


def _first(answer: Answer, seconds: float, *, mode: str) -> bytes:
    return tutorial.single_answer(predictions_of(answer.values(0))[0], seconds, mode)


def _first_of_batch(answer: Answer, seconds: float) -> bytes:
    prediction = predictions_of(answer.values(0))[0]
    return tutorial.batched_answer(prediction, seconds, answer.batch_rows)


def _all(answer: Answer, seconds: float) -> bytes:
    return tutorial.batch_answer(predictions_of(answer.values(0)), seconds)


def _all_of_onnx(answer: Answer, seconds: float) -> bytes:
    predictions = predictions_of(answer.values(0))
    return tutorial.framework_answer(predictions, seconds, "ONNX Runtime")


class NativeRoutes(NamedTuple):
    """One for each way to say which version of a model is asked."""

    champion: NativeRoute
    version: NativeRoute
    alias: NativeRoute


def native_routes() -> NativeRoutes:
    """Made anew for every lane."""
    codecs = PerVersion(lambda loaded: native.NativeCodec(loaded.signature))
    return NativeRoutes(
        champion=NativeRoute("/api/v1/models/{name}/predict", codecs),
        version=NativeRoute("/api/v1/models/{name}/versions/{number}/predict", codecs),
        alias=NativeRoute("/api/v1/models/{name}@{alias}/predict", codecs),
    )


def tutorial_routes() -> dict[str, TutorialRoute]:
    """Path to route, exact; made anew for every lane."""
    codec = tutorial.TutorialCodec
    routes = [
        TutorialRoute(
            "/predict-async", read=codec.one_row, write=partial(_first, mode="asynchronous")
        ),
        TutorialRoute("/batch-predict", read=codec.batch, write=_all),
        TutorialRoute("/predict-onnx", read=codec.matrix, write=_all_of_onnx, onnx_only=True),
        TutorialRoute(
            "/predict-batched", read=codec.one_row, write=_first_of_batch, policy=waiting
        ),
    ]
    return {route.endpoint: route for route in routes}
