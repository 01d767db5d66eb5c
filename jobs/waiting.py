"""`GET /api/v1/jobs/{id}/?wait=SECONDS`: asked again when the job has changed.

In front of Django, where a request that waits is a coroutine and holds no thread and no database
connection. The first answer is Django's, with all that it checks; only where that is a job which
has not ended is anything waited for, and what the caller gets is Django's second answer.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable, MutableMapping
from time import monotonic
from typing import Any, TypeAlias
from urllib.parse import parse_qs

import msgspec
from channels.db import database_sync_to_async
from django.db import Error as DatabaseFault

from jobs.errors import WrongFilter
from jobs.listening import Listening
from jobs.models import Job
from jobs.states import TERMINAL

Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
App: TypeAlias = Callable[[Message, Receive, Send], Awaitable[None]]

LONGEST_S = 30.0
LOOK_EVERY_S = 1.0  # pushes may be lost: the row is the truth
_PATH = re.compile(r"/api/v1/jobs/([0-9A-Fa-f-]{36})/?")


class Seen(msgspec.Struct, frozen=True):
    """What of an answer tells whether to wait."""

    state: str
    seq: int


def wait_of(query: str) -> float:
    """Seconds that a query asks to wait, 0 where it does not. Raises WrongFilter."""
    text = parse_qs(query).get("wait", ["0"])[-1]
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise WrongFilter("wait takes a whole number of seconds, 30 at most.")
    return min(float(text), LONGEST_S)


class Waiting:
    """Hands everything on; reads that wait are answered when there is something new.

    `is_ending` says whether the server is about to stop: nobody is kept waiting any more then.
    """

    def __init__(self, app: App, *, is_ending: Callable[[], bool] = lambda: False) -> None:
        self._app = app
        self._is_ending = is_ending

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        job_id = _waited_for(scope)
        if job_id is None:
            await self._app(scope, receive, send)
        else:
            await self._answer_later(job_id, scope, receive, send)

    async def _answer_later(
        self, job_id: str, scope: Message, receive: Receive, send: Send
    ) -> None:
        request = await _whole(receive)
        async with Listening(job_id) as listening:
            leaving = asyncio.ensure_future(receive())  # nothing else can come now
            try:
                answer = await self._ask(scope, request, leaving)
                seen = _seen(answer)
                if seen and await self._changes(job_id, seen, listening, scope, leaving):
                    answer = await self._ask({**scope, "counted": True}, request, leaving)
                if not leaving.done():
                    for message in answer:
                        await send(message)
            finally:
                leaving.cancel()

    async def _ask(
        self, scope: Message, request: Message, leaving: "asyncio.Future[Message]"
    ) -> list[Message]:
        """Django's whole answer to this request."""
        answer: list[Message] = []
        unread = [request]

        async def receive() -> Message:
            return unread.pop() if unread else await asyncio.shield(leaving)

        async def keep(message: Message) -> None:
            answer.append(message)

        await self._app(scope, receive, keep)
        return answer

    async def _changes(
        self,
        job_id: str,
        seen: Seen,
        listening: Listening,
        scope: Message,
        leaving: "asyncio.Future[Message]",
    ) -> bool:
        """Whether the job was another one before the time was over and the caller gone."""
        end = monotonic() + wait_of(scope["query_string"].decode("latin-1"))
        while (left := end - monotonic()) > 0 and not (leaving.done() or self._is_ending()):
            heard: asyncio.Future[object] = asyncio.ensure_future(listening.anything())
            try:
                either: set[asyncio.Future[Any]] = {heard, leaving}
                pause = min(left, LOOK_EVERY_S)
                await asyncio.wait(either, timeout=pause, return_when=asyncio.FIRST_COMPLETED)
            finally:
                heard.cancel()
            if await _is_another(job_id, seen.seq):
                return True
        return False


async def _whole(receive: Receive) -> Message:
    """The last part of the request; a GET's body says nothing."""
    while (message := await receive()).get("more_body"):
        pass
    return message


def _waited_for(scope: Message) -> str | None:
    match = _PATH.fullmatch(scope["path"]) if scope["method"] == "GET" else None
    if match is None or b"wait=" not in scope["query_string"]:
        return None
    try:
        return match[1] if wait_of(scope["query_string"].decode("latin-1")) else None
    except WrongFilter:
        return None  # Django says so


def _seen(answer: list[Message]) -> Seen | None:
    """The job in an answer, where there is one that can still change."""
    if not answer or answer[0].get("status") != 200:
        return None
    body = b"".join(message.get("body", b"") for message in answer[1:])
    seen = msgspec.json.decode(body, type=Seen)
    return None if seen.state in TERMINAL else seen


@database_sync_to_async  # type: ignore[untyped-decorator]  # channels has no types
def _is_another(job_id: str, seq: int) -> bool:
    """Where the database does not say, too: Django is asked then, and answers with a problem."""
    try:
        return Job.objects.filter(pk=job_id).values_list("seq", flat=True).first() != seq
    except DatabaseFault:
        return True
