"""Limits as plain values, no transport: what a request may cost before it is refused."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from mlapi.variables import Variable, whole
from modelregistry.permissions import HAND_IN, RETRAIN_MODEL

LIMIT_VARIABLES = (
    Variable("MLAPI_MAX_JSON_BYTES", "10000000", "the largest body that is no file"),
    Variable("MLAPI_MAX_UPLOAD_BYTES", "268435456", "the largest file, or files of one form"),
    Variable("MLAPI_MAX_HEADER_BYTES", "16384", "of a request's first line and headers"),
    Variable("MLAPI_MAX_HEADERS", "100", "headers of a request"),
    Variable("MLAPI_RECEIVE_S", "15", "seconds for headers; a body must bring 1000 bytes in each"),
    Variable("MLAPI_MAX_IN_FLIGHT", "4096", "requests and sockets at once in a web process"),
    Variable(
        "MLAPI_FAILED_ATTEMPTS", "20", "wrong keys or passwords a minute, then 429 for the rest"
    ),
)
MODEL = "[a-z0-9][a-z0-9._-]{0,63}"
MODEL_PAGES = "/admin/modelregistry/registeredmodel"
# Where files are handed in, and what one needs for it.
UPLOADS = (
    (re.compile(rf"/api/v1/models/{MODEL}/versions/?"), HAND_IN),
    (re.compile(rf"/api/v1/models/{MODEL}/retrain/?"), RETRAIN_MODEL),
    (re.compile(rf"{MODEL_PAGES}/hand-in/"), HAND_IN),
    (re.compile(rf"{MODEL_PAGES}/[0-9]+/hand-in/"), HAND_IN),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one request may cost, and how many there may be at once in a process.

    Bytes of bodies are counted on the wire, and once more where they are compressed. `head_bytes`
    are those of a request line and its headers, `head_fields` is how many headers there may be.
    """

    json_bytes: int
    upload_bytes: int  # of the files of a form, together
    head_bytes: int
    head_fields: int
    receive_s: int
    in_flight: int
    failed_attempts: int  # a minute, of one address and for one key or user

    @property
    def form_bytes(self) -> int:
        """Files, with what is around them."""
        return self.upload_bytes + 1_000_000


def limits_of(text: Mapping[str, str]) -> Limits:
    """The variables above as values. Raises EnvironmentFault."""
    return Limits(
        json_bytes=whole(text, "MLAPI_MAX_JSON_BYTES", low=1000, high=1 << 30),
        upload_bytes=whole(text, "MLAPI_MAX_UPLOAD_BYTES", low=1000, high=1 << 40),
        head_bytes=whole(text, "MLAPI_MAX_HEADER_BYTES", low=1000, high=1 << 20),
        head_fields=whole(text, "MLAPI_MAX_HEADERS", low=10, high=1000),
        receive_s=whole(text, "MLAPI_RECEIVE_S", low=1, high=3600),
        in_flight=whole(text, "MLAPI_MAX_IN_FLIGHT", low=1, high=1_000_000),
        failed_attempts=whole(text, "MLAPI_FAILED_ATTEMPTS", low=1, high=1_000_000),
    )


class Drain:
    """Whether this process is on its way out: it still answers, and asks for no new requests."""

    __slots__ = ("under_way",)

    def __init__(self) -> None:
        self.under_way = False


drain = Drain()  # the process's one


class ByteBudget:
    """Counts a body's bytes as they come."""

    __slots__ = ("left", "limit")

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.left = limit

    def spend(self, size: int) -> bool:
        """Take `size` bytes; False when they were not there any more."""
        self.left -= size
        return self.left >= 0


def upload_permission(method: str, path: str, content_type: bytes) -> str | None:
    """What who sends this form needs, so that it may be large; None: it may not be anybody's."""
    if method == "POST" and content_type.lower().startswith(b"multipart/form-data"):
        for pattern, permission in UPLOADS:
            if pattern.fullmatch(path):
                return permission
    return None
