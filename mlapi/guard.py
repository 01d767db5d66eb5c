"""The ASGI layer that applies limits to everything Django answers; the lane counts for itself."""

from mlapi.admission import refusal
from mlapi.full_disk import is_disk_full
from mlapi.limits import FORM_BYTES, JSON_BYTES, ByteBudget, upload_permission
from mlapi.observability import REQUESTS, request_ids
from mlapi.problems import lane_reply
from predictions.errors import BodyTooLarge
from predictions.lane.asgi import App, Message, Receive, Send, linger


class Excess(Exception):
    """A body is larger than it may be; `answer` is why."""

    def __init__(self, answer: Exception) -> None:
        self.answer = answer


class Guard:
    """Refuses bodies that are too large, declared or not, and with 507 those the disk cannot hold.

    Forms with files may be larger, of those who may hand some in: others are told that instead.
    """

    def __init__(self, app: App) -> None:
        self._app = app

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        budget, excess = await _budget_of(scope, headers)
        declared = headers.get(b"content-length", b"0")
        if not declared.isdigit() or len(declared) > 18 or int(declared) > budget.limit:
            if b"expect" not in headers:
                await linger(receive)
            await _refuse(excess.answer, scope, send)
        else:
            await self._counted(budget, excess, scope, receive, send)

    async def _counted(
        self, budget: ByteBudget, excess: Excess, scope: Message, receive: Receive, send: Send
    ) -> None:
        started = False

        async def counting_receive() -> Message:
            message = await receive()
            if message["type"] == "http.request" and not budget.spend(
                len(message.get("body", b""))
            ):
                raise excess
            return message

        async def noting_send(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self._app(scope, counting_receive, noting_send)
        except (Excess, OSError) as error:
            known = isinstance(error, Excess) or is_disk_full(error)
            if started or not known:  # too late for another answer: the connection is closed
                raise
            await linger(receive)
            await _refuse(error.answer if isinstance(error, Excess) else error, scope, send)


async def _budget_of(scope: Message, headers: dict[bytes, bytes]) -> tuple[ByteBudget, Excess]:
    """How many bytes the body may have, and what is said above that."""
    kind = headers.get(b"content-type", b"")
    permission = upload_permission(scope["method"], scope["path"], kind)
    if permission is None:
        return ByteBudget(JSON_BYTES), Excess(BodyTooLarge(JSON_BYTES))
    fault = await refusal(dict(scope), permission)
    if fault is not None:
        return ByteBudget(JSON_BYTES), Excess(fault)
    return ByteBudget(FORM_BYTES), Excess(BodyTooLarge(FORM_BYTES))


async def _refuse(error: Exception, scope: Message, send: Send) -> None:
    """Before Django has seen the request: it gets its id here, and is counted here."""
    given = next((value for name, value in scope["headers"] if name == b"x-request-id"), None)
    status, headers, body = lane_reply(error, request_ids(given))
    REQUESTS.labels("unmatched", "error").inc()
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
