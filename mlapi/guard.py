"""The ASGI layer that applies limits to everything Django answers; the lane counts for itself."""

from mlapi.limits import ByteBudget
from mlapi.observability import REQUESTS, request_ids
from mlapi.problems import lane_reply
from predictions.errors import BodyTooLarge
from predictions.lane.asgi import App, Message, Receive, Send, linger


class Guard:
    """Refuses bodies over `body_limit` bytes with 413, declared or not."""

    def __init__(self, app: App, *, body_limit: int) -> None:
        self._app = app
        self._body_limit = body_limit

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        budget = ByteBudget(self._body_limit)
        declared = next((v for k, v in scope["headers"] if k == b"content-length"), b"0")
        if not declared.isdigit() or len(declared) > 18 or int(declared) > budget.limit:
            if not any(k == b"expect" for k, _ in scope["headers"]):
                await linger(receive)
            await _refuse(budget, scope, send)
        else:
            await self._counted(budget, scope, receive, send)

    async def _counted(
        self, budget: ByteBudget, scope: Message, receive: Receive, send: Send
    ) -> None:
        started = False

        async def counting_receive() -> Message:
            message = await receive()
            if message["type"] == "http.request" and not budget.spend(
                len(message.get("body", b""))
            ):
                raise BodyTooLarge(budget.limit)
            return message

        async def noting_send(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self._app(scope, counting_receive, noting_send)
        except BodyTooLarge:
            if started:  # too late for another answer: the server closes the connection
                raise
            await linger(receive)
            await _refuse(budget, scope, send)


async def _refuse(budget: ByteBudget, scope: Message, send: Send) -> None:
    """Before Django has seen the request: it gets its id here, and is counted here."""
    given = next((value for name, value in scope["headers"] if name == b"x-request-id"), None)
    status, headers, body = lane_reply(BodyTooLarge(budget.limit), request_ids(given))
    REQUESTS.labels("unmatched", "error").inc()
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
