"""The ASGI layer that applies limits to everything Django answers; the lane counts for itself."""

from mlapi.admission import refusal
from mlapi.bodies import CountedBody, Refused, UnpackedBody, headers_unpacked
from mlapi.full_disk import is_disk_full
from mlapi.limits import Limits, upload_permission
from mlapi.observability import REQUESTS, request_ids
from mlapi.problems import lane_reply
from predictions.errors import BodyTooLarge, UnsupportedEncoding
from predictions.lane.asgi import App, Message, Receive, Send, given_id, joined, linger, send_reply
from predictions.lane.collaborators import Reply
from predictions.protocols.encodings import coding_of


class Guard:
    """Refuses bodies that are too large, declared or not, and with 507 those the disk cannot hold.

    Forms with files may be larger, of those who may hand some in: others are told that instead.
    What is compressed is counted as it comes, and as it unpacks; Django sees it as it was.
    """

    def __init__(self, app: App, limits: Limits) -> None:
        self._app = app
        self._limits = limits

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        try:
            most, excess = await self._most_of(scope, headers)
            declared = headers.get(b"content-length", b"0")
            if not declared.isdigit() or len(declared) > 18 or int(declared) > most:
                raise Refused(excess)
            coding = _coding_of(scope)
        except Refused as fault:
            if b"expect" not in headers:
                await linger(receive)
            await _refuse(fault.answer, scope, send)
            return
        body = CountedBody(receive, most, excess)
        if coding is not None:
            scope = {**scope, "headers": headers_unpacked(scope["headers"])}
            body = UnpackedBody(body.receive, most, excess, coding)
        await self._answer(body, scope, receive, send)

    async def _answer(
        self, body: CountedBody, scope: Message, receive: Receive, send: Send
    ) -> None:
        started = False

        async def noting_send(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self._app(scope, body.receive, noting_send)
        except (Refused, OSError) as error:
            known = isinstance(error, Refused) or is_disk_full(error)
            if started or not known:  # too late for another answer: the connection is closed
                raise
            if not body.whole:
                await linger(receive)
            await _refuse(error.answer if isinstance(error, Refused) else error, scope, send)

    async def _most_of(self, scope: Message, headers: dict[bytes, bytes]) -> tuple[int, Exception]:
        """How many bytes the body may have, and what is said above that."""
        limits, kind = self._limits, headers.get(b"content-type", b"")
        permission = upload_permission(scope["method"], scope["path"], kind)
        if permission is None:
            return limits.json_bytes, BodyTooLarge(limits.json_bytes)
        fault = await refusal(dict(scope), permission)
        if fault is not None:
            return limits.json_bytes, fault
        return limits.form_bytes, BodyTooLarge(limits.form_bytes)


def _coding_of(scope: Message) -> bytes | None:
    try:
        return coding_of(joined(scope["headers"], b"content-encoding"))
    except UnsupportedEncoding as fault:
        raise Refused(fault) from None


def refused(error: Exception, given_id: bytes | None) -> Reply:
    """For those Django never sees: they get their id here, and are counted here."""
    REQUESTS.labels("unmatched", "error").inc()
    return lane_reply(error, request_ids(given_id))


async def _refuse(error: Exception, scope: Message, send: Send) -> None:
    await send_reply(refused(error, given_id(scope["headers"])), send)
