"""What the lane is given to do its work, and the shape of what it is asked and answers."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from modelregistry.audience import Caller
from predictions.lane.room import Room
from predictions.serving.cache import Cache
from predictions.serving.engine import Engine, Loaded
from predictions.serving.errors import ServingError

Headers: TypeAlias = Mapping[bytes, bytes]  # names in lower case
Client: TypeAlias = tuple[str, int] | None  # address and port, where the server knows them
Reply: TypeAlias = tuple[int, list[tuple[bytes, bytes]], bytes]  # status, headers, body
Respond: TypeAlias = Callable[[Reply], None]
Authenticated: TypeAlias = Callable[[Caller | Exception], None]


class Meter(Protocol):
    """Counts requests. Called on the event loop, so it must be cheap."""

    def begin(self) -> None: ...
    def end(self, endpoint: str, method: str, *, success: bool, seconds: float) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Collaborators:
    """What the lane does not decide itself.

    `authenticate(header, client, then)` calls `then` with who asks, or with what is wrong with the
    key, at once or later, on the loop. `fetch(address, then)` has a version loaded: `then` is
    called on the loop with it, or with what is wrong. `problem(error, request_id)` renders any
    exception. `request_id(given)` takes the client's own id, or makes one. `body_limit` is in
    bytes, of a body as it comes and as it was before it was compressed; `room` is what large ones
    share.
    """

    engine: Engine
    cache: Cache
    default_model: str
    authenticate: Callable[[bytes, Client, Authenticated], None]
    fetch: Callable[[str, Callable[[Loaded | ServingError], None]], None]
    problem: Callable[[Exception, str], Reply]
    request_id: Callable[[bytes | None], str]
    meter: Meter
    body_limit: int
    room: Room
