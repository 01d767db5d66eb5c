"""Jobs on WebSockets: a snapshot from the database first, then what changes.

Pushes say only that a job changed; what is sent is the row as it is then. A push may be lost, so
rows are read anew every few seconds as well. Close codes are 4000 plus the HTTP status that a
request would have been answered with; who is not let in is told so after the handshake, because a
browser cannot read the status of one that was refused.
"""

import asyncio
import logging
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, ClassVar, TypeAlias
from urllib.parse import parse_qsl

import msgspec
from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncWebsocketConsumer
from django.contrib.auth.models import User
from django.db.models import QuerySet

from jobs.access import NOT_IN_LISTS, visible_to
from jobs.errors import UnknownJob, WrongFilter
from jobs.filters import Filters, read_filters
from jobs.models import Job, JobEvent
from jobs.progress import ALL_JOBS, group_of
from jobs.serializers import EventSerializer, JobLineSerializer, JobSerializer

log = logging.getLogger(__name__)
Shaped: TypeAlias = dict[str, Any]

LISTED = 50
FIRST_LINES = 200
MOST_HEARD = 200  # jobs that changed between two frames; more, and the list is read anew
SOCKETS_PER_USER = 20  # in one process
LOOK_EVERY_S = 3.0
BETWEEN_FRAMES_S = 0.2
BAD_QUERY, SIGNED_OUT, UNKNOWN, TOO_MANY, FAILED = 4400, 4401, 4404, 4429, 1011
TALKS_TO_US = 1003  # unsupported data: these sockets only tell


class Following(AsyncWebsocketConsumer, ABC):  # type: ignore[misc]  # channels has no types
    """What both kinds share: who may listen, when to look, how to end."""

    open_sockets: ClassVar[Counter[int]] = Counter()
    reload_user: Callable[[], Awaitable[User | None]]
    user: User

    async def connect(self) -> None:
        await self.accept()
        self._counted = False
        self._teller: asyncio.Task[None] | None = None
        self._heard: set[str] = set()
        self._news = asyncio.Event()
        refusal = await self._refusal()
        if refusal is not None:
            await self.close(refusal)
            return
        self._counted = True
        self.open_sockets[self.user.pk] += 1
        await self.channel_layer.group_add(self.group(), self.channel_name)
        self._teller = asyncio.create_task(self._tell())

    async def disconnect(self, code: int) -> None:
        if self._teller is not None:
            self._teller.cancel()
            await self.channel_layer.group_discard(self.group(), self.channel_name)
        if self._counted:
            self.open_sockets[self.user.pk] -= 1

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        await self.close(TALKS_TO_US)

    async def job_changed(self, message: dict[str, Any]) -> None:
        """From the channel layer: the `id` of a job that is another one now."""
        if len(self._heard) <= MOST_HEARD:
            self._heard.add(message["id"])
        self._news.set()

    async def _refusal(self) -> int | None:
        if self.scope["user"] is None:
            return SIGNED_OUT
        self.user, self.reload_user = self.scope["user"], self.scope["reload_user"]
        if self.open_sockets[self.user.pk] >= SOCKETS_PER_USER:
            return TOO_MANY
        return await self.prepare()

    async def _tell(self) -> None:
        try:
            await self.first_frame()
            while await self._still_welcome():
                heard = await self._listen()
                await self.next_frame(heard)
                await asyncio.sleep(BETWEEN_FRAMES_S)
            await self.close(SIGNED_OUT)
        except Exception:  # the task's outermost frame: nobody else would hear of it
            log.exception("a WebSocket of %s ends", self.user)
            await self.close(FAILED)

    async def _still_welcome(self) -> bool:
        user = await self.reload_user()
        if user is not None:
            self.user = user  # with the permissions of now
        return user is not None

    async def _listen(self) -> set[str]:
        """The jobs that changed, or nothing after a while."""
        try:
            async with asyncio.timeout(LOOK_EVERY_S):
                await self._news.wait()
        except TimeoutError:
            return set()
        heard, self._heard = self._heard, set()
        self._news.clear()
        return heard

    async def send_frame(self, kind: str, seq: int, **content: object) -> None:
        frame = {"type": kind, "seq": seq, **content}
        await self.send(text_data=msgspec.json.encode(frame).decode())

    @abstractmethod
    def group(self) -> str:
        """The channel layer's group that says when to look."""

    @abstractmethod
    async def prepare(self) -> int | None:
        """What connecting needs to know; the close code where it cannot be."""

    @abstractmethod
    async def first_frame(self) -> None:
        """The snapshot that a connection begins with."""

    @abstractmethod
    async def next_frame(self, heard: set[str]) -> None:
        """What is new, after those jobs changed; or after a while, with none of them heard."""


class JobListConsumer(Following):
    """/ws/jobs/: the newest jobs that fit the filters. A frame's seq is the highest in it."""

    filters: Filters

    def group(self) -> str:
        return ALL_JOBS

    async def prepare(self) -> int | None:
        query = dict(parse_qsl(self.scope["query_string"].decode("latin-1")))
        try:
            self.filters = read_filters(query)
        except WrongFilter:
            return BAD_QUERY
        self._sent: dict[str, int] = {}
        return None

    async def first_frame(self) -> None:
        await self._send_jobs("snapshot", await self._newest())

    async def next_frame(self, heard: set[str]) -> None:
        if heard and len(heard) <= MOST_HEARD:
            jobs = await self._read(heard)
        else:
            jobs = await self._newest()
        if fresh := [job for job in jobs if job["seq"] > self._sent.get(job["id"], -1)]:
            await self._send_jobs("update", fresh)

    async def _send_jobs(self, kind: str, jobs: list[Shaped]) -> None:
        if len(self._sent) > 20 * LISTED:
            self._sent.clear()  # what was sent once more does no harm
        self._sent.update((job["id"], job["seq"]) for job in jobs)
        await self.send_frame(kind, max((job["seq"] for job in jobs), default=0), jobs=jobs)

    @database_sync_to_async  # type: ignore[untyped-decorator]
    def _newest(self) -> list[Shaped]:
        return _lines(self._fitting()[:LISTED])

    @database_sync_to_async  # type: ignore[untyped-decorator]
    def _read(self, ids: set[str]) -> list[Shaped]:
        return _lines(self._fitting().filter(pk__in=ids))

    def _fitting(self) -> QuerySet[Job]:
        return self.filters.narrow(visible_to(self.user)).defer(*NOT_IN_LISTS)


class JobConsumer(Following):
    """/ws/jobs/{id}/: one job, with the lines of its log that are new."""

    def group(self) -> str:
        return group_of(self.scope["url_route"]["kwargs"]["job_id"].lower())

    async def prepare(self) -> int | None:
        self._seq = self._line = -1
        return None if await self._read() else UNKNOWN

    async def first_frame(self) -> None:
        await self._send_job("snapshot")

    async def next_frame(self, heard: set[str]) -> None:
        await self._send_job("update")

    async def _send_job(self, kind: str) -> None:
        found = await self._read()
        if found is None:
            await self.close(UNKNOWN)
            return
        job, events = found
        if job["seq"] > self._seq or kind == "snapshot":
            self._seq = job["seq"]
            self._line = max((event["seq"] for event in events), default=self._line)
            await self.send_frame(kind, job["seq"], job=job, events=events)

    @database_sync_to_async  # type: ignore[untyped-decorator]
    def _read(self) -> tuple[Shaped, list[Shaped]] | None:
        try:
            job = visible_to(self.user).find(self.scope["url_route"]["kwargs"]["job_id"])
        except UnknownJob:
            return None
        newest = JobEvent.objects.filter(job=job, seq__gt=self._line).order_by("-seq")
        lines = sorted(newest[:FIRST_LINES], key=lambda line: line.seq)
        return _plain(JobSerializer(job).data), [_plain(EventSerializer(e).data) for e in lines]


def _lines(jobs: Iterable[Job]) -> list[Shaped]:
    return [_plain(JobLineSerializer(job).data) for job in jobs]


def _plain(shaped: Any) -> Shaped:
    """What JSON has: the serializer leaves ids as UUIDs."""
    return {**shaped, **({"id": str(shaped["id"])} if "id" in shaped else {})}
