"""Limits as plain values, no transport: what a request may cost before it is refused."""

import re

from modelregistry.permissions import HAND_IN, RETRAIN_MODEL

JSON_BYTES = 10_000_000  # of a JSON body, counted on the wire
UPLOAD_BYTES = 256 * 2**20  # of the files of a form, together
FORM_BYTES = UPLOAD_BYTES + 1_000_000  # with what is around them
MODEL = "[a-z0-9][a-z0-9._-]{0,63}"
MODEL_PAGES = "/admin/modelregistry/registeredmodel"
# Where files are handed in, and what one needs for it.
UPLOADS = (
    (re.compile(rf"/api/v1/models/{MODEL}/versions/?"), HAND_IN),
    (re.compile(rf"/api/v1/models/{MODEL}/retrain/?"), RETRAIN_MODEL),
    (re.compile(rf"{MODEL_PAGES}/hand-in/"), HAND_IN),
    (re.compile(rf"{MODEL_PAGES}/[0-9]+/hand-in/"), HAND_IN),
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
