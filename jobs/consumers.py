"""Jobs on WebSockets: a snapshot from the database first, then what changes.

Pushes say only that a job changed; what is sent is the row as it is then. A push may be lost, so
rows are read anew every few seconds as well. A frame's `seq` is the job's own where one job is
followed, which grows with every change of it; of a list's frames it is 0, 1, 2 ... on each
connection, so that a gap shows. Close codes are 4000 plus the HTTP status that a
request would have been answered with; who is not let in is told so after the handshake, because a
browser cannot read the status of one that was refused.
"""

import asyncio
import contextlib
import itertools
import logging
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, ClassVar, NamedTuple, TypeAlias
from urllib.parse import parse_qsl

import msgspec
from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncWebsocketConsumer
from django.contrib.auth.models import User
from django.db.models import QuerySet
from redis.exceptions import RedisError

from jobs.access import NOT_IN_LISTS, visible_to
from jobs.errors import UnknownJob, WrongFilter
from jobs.filters import Filters, read_filters
from jobs.models import Job, JobEvent
from jobs.progress import ALL_JOBS, group_of
from jobs.serializers import EventSerializer, JobLineSerializer, JobSerializer
from jobs.states import TERMINAL

log = logging.getLogger(__name__)
Shaped: TypeAlias = dict[str, Any]

LISTED = 50
FIRST_LINES = 200
MOST_HEARD = 200  # jobs that changed between two frames; more, and the list is read anew
MOST_TOLD = 200  # jobs of a list that are followed when they no longer fit it
SOCKETS_PER_USER = 20  # in one process
LOOK_EVERY_S = 3.0
BETWEEN_FRAMES_S = 0.2
BAD_QUERY, SIGNED_OUT, UNKNOWN, TOO_MANY, FAILED = 4400, 4401, 4404, 4429, 1011
TALKS_TO_US = 1003  # unsupported data: these sockets only tell
REASONS = {
    BAD_QUERY: "The query holds a word that is not known there.",
    SIGNED_OUT: "Send a valid key as Authorization: Bearer KEY.",
    UNKNOWN: "There is no such job.",
    TOO_MANY: "Too many connections.",
}


class Following(AsyncWebsocketConsumer, ABC):  # type: ignore[misc]  # channels has no types
    """What both kinds share: who may listen, when to look, how to end."""

    open_sockets: ClassVar[Counter[int]] = Counter()
    reload_user: Callable[[], Awaitable[User | None]]
    user: User
    _counted = False
    _closed = False
    _teller: asyncio.Task[None] | None = None

    async def __call__(self, *connection: object) -> None:
        """The whole of a connection. What it holds is given back however it ends."""
        try:
            await super().__call__(*connection)
        finally:
            if self._teller is not None:
                self._teller.cancel()
            if self._counted:
                self.open_sockets[self.user.pk] -= 1

    async def connect(self) -> None:
        await self.accept()
        self._heard: set[str] = set()
        self._news = asyncio.Event()
        refusal = self._count_in() or await self.prepare()
        if refusal is not None:
            await self.close(refusal, REASONS[refusal])
            return
        await self.channel_layer.group_add(self.group(), self.channel_name)
        self._teller = asyncio.create_task(self._tell())

    async def disconnect(self, code: int) -> None:
        with contextlib.suppress(RedisError, OSError):  # of itself, once the broker is back
            await self.channel_layer.group_discard(self.group(), self.channel_name)

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        await self.close(TALKS_TO_US)

    async def close(self, code: int | None = None, reason: str | None = None) -> None:
        """Once: frames that came with the first one are received after it was answered."""
        if not self._closed:
            self._closed = True
            await super().close(code, reason)

    async def job_changed(self, message: dict[str, Any]) -> None:
        """From the channel layer: the `id` of a job that is another one now."""
        if len(self._heard) <= MOST_HEARD:
            self._heard.add(message["id"])
        self._news.set()

    def _count_in(self) -> int | None:
        """No await between look and count: many may connect at once."""
        if self.scope["user"] is None:
            return SIGNED_OUT
        self.user, self.reload_user = self.scope["user"], self.scope["reload_user"]
        if self.open_sockets[self.user.pk] >= SOCKETS_PER_USER:
            return TOO_MANY
        self.open_sockets[self.user.pk] += 1
        self._counted = True
        return None

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
        if not self._closed:
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


class Told(NamedTuple):
    """What a listener knows of a job."""

    seq: int
    ended: bool


class JobListConsumer(Following):
    """/ws/jobs/: the newest jobs that fit the filters.

    An update may hold a job that no longer fits: one that was told while it did.
    """

    filters: Filters

    def group(self) -> str:
        return ALL_JOBS

    async def prepare(self) -> int | None:
        query = dict(parse_qsl(self.scope["query_string"].decode("latin-1")))
        try:
            self.filters = read_filters(query)
        except WrongFilter:
            return BAD_QUERY
        self._told: dict[str, Told] = {}
        self._frames = itertools.count()
        return None

    async def first_frame(self) -> None:
        await self._send_jobs("snapshot", await self._newest())

    async def next_frame(self, heard: set[str]) -> None:
        if heard and len(heard) <= MOST_HEARD:
            jobs = await self._read(heard)
        else:
            jobs = await self._newest()
        if fresh := [job for job in jobs if self._is_news(job)]:
            await self._send_jobs("update", fresh)

    def _is_news(self, job: Shaped) -> bool:
        told = self._told.get(job["id"])
        return told is None or job["seq"] > told.seq

    async def _send_jobs(self, kind: str, jobs: list[Shaped]) -> None:
        self._told |= {job["id"]: Told(job["seq"], job["state"] in TERMINAL) for job in jobs}
        if len(self._told) > 2 * MOST_TOLD:  # what is told once more does no harm
            self._told = {job_id: self._told[job_id] for job_id in self._going_on()[-MOST_TOLD:]}
        await self.send_frame(kind, next(self._frames), jobs=jobs)

    def _going_on(self) -> list[str]:
        return [job_id for job_id, told in self._told.items() if not told.ended]

    @database_sync_to_async  # type: ignore[untyped-decorator]
    def _newest(self) -> list[Shaped]:
        """The list as it is, and what was in it and may have left it since."""
        listed = _lines(self.filters.narrow(self._visible())[:LISTED])
        others = set(self._going_on()) - {job["id"] for job in listed}
        return listed + _lines(self._visible().filter(pk__in=others))

    @database_sync_to_async  # type: ignore[untyped-decorator]
    def _read(self, ids: set[str]) -> list[Shaped]:
        told = self._told.keys() & ids
        fitting = self.filters.narrow(self._visible()).filter(pk__in=ids - told)
        return _lines(fitting) + _lines(self._visible().filter(pk__in=told))

    def _visible(self) -> QuerySet[Job]:
        return visible_to(self.user).defer(*NOT_IN_LISTS)


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
