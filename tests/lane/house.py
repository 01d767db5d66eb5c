"""A lane over a model a test can steer, with collaborators that write down what they are told."""

import asyncio
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from modelregistry.audience import PUBLIC, SIGNED_IN, Audience, Caller
from predictions.errors import Unauthenticated
from predictions.lane.collaborators import Authenticated, Client, Collaborators, Reply
from predictions.lane.lane import Lane
from predictions.lane.room import Room
from predictions.serving.cache import Cache
from predictions.serving.engine import Addressed, Engine, Identity, Loaded
from predictions.serving.errors import ServingError
from tests.serving.models import CHEAP, Doubling

EXECUTOR = ThreadPoolExecutor(2)
CALLER = Caller(known=True, groups=frozenset({1}))


class Notebook:
    """A meter that remembers."""

    def __init__(self) -> None:
        self.in_flight = 0
        self.ended: list[tuple[str, bool]] = []

    def begin(self) -> None:
        self.in_flight += 1

    def end(self, endpoint: str, method: str, *, success: bool, seconds: float) -> None:
        assert seconds >= 0
        self.in_flight -= 1
        self.ended.append((endpoint, success))


def loaded(
    runtime: Doubling,
    *,
    version: int = 1,
    public: bool = True,
    audience: Audience | None = None,
    cost=CHEAP,
    **served: Any,
) -> Loaded:
    identity = Identity(
        model="m", version=version, version_id=version, task="regression",
        audience=audience or (PUBLIC if public else SIGNED_IN),
        framework="onnx", artifact_sha256="", source_sha256=None,
    )  # fmt: skip
    return Loaded(identity, runtime, example=(0, 0), cost=cost, executor=EXECUTOR, **served)


class House:
    """The lane, its engine and its notebook."""

    def __init__(
        self,
        *models: Loaded,
        settled: bool = True,
        known: dict[str, Addressed] | None = None,
        body_limit: int = 1000,
    ) -> None:
        self.engine = Engine()
        for model in models:
            self.engine.swap(model)
        if settled:
            names = frozenset(model.identity.model for model in models)
            self.engine.settle(servable=names, known=known or {}, lent={})
        self.meter = Notebook()
        self.waiting_versions: list[tuple[str, Callable[[Loaded | ServingError], None]]] = []
        self.asked_from: list[str | None] = []  # with a key
        self.waiting_keys: list[Authenticated] = []
        self.lane = Lane(
            Collaborators(
                engine=self.engine,
                cache=Cache(1 << 20),
                default_model="m",
                authenticate=self._authenticate,
                fetch=lambda address, then: self.waiting_versions.append((address, then)),
                problem=problem,
                request_id=lambda given: given.decode() if given else "made",
                meter=self.meter,
                body_limit=body_limit,
                room=Room(body_limit),
            )
        )

    def _authenticate(self, header: bytes, client: Client, then: Authenticated) -> None:
        self.asked_from.append(client[0] if client else None)
        if header == b"Bearer slow":
            self.waiting_keys.append(then)
        else:
            then(CALLER if header == b"Bearer good" else Unauthenticated("no"))

    async def ask(
        self, body: object, *, path: str = "/predict-async", method: str = "POST", **headers: str
    ) -> tuple[int, dict[str, object]]:
        """The status and JSON of the answer."""
        reply: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        raw = {name.replace("_", "-").encode(): value.encode() for name, value in headers.items()}
        text = body if isinstance(body, bytes) else json.dumps(body).encode()
        target = self.lane.target(path)
        assert target is not None
        self.lane.handle(target, method, raw, text, reply.set_result)
        async with asyncio.timeout(30):
            status, _, answer = await reply
        return status, json.loads(answer)


def problem(error: Exception, request_id: str) -> Reply:
    name = type(error).__name__
    return 400, [], json.dumps({"error": name, "request_id": request_id}).encode()
