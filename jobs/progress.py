"""Tells live pages that a job has changed: its id, over the channel layer.

At most once, and nobody waits for it: the row is the truth, and every push is a hint to read it.
"""

import asyncio
import logging
import os
import threading
import uuid

from channels.layers import get_channel_layer

from jobs.models import Job

log = logging.getLogger(__name__)
ALL_JOBS = "jobs"  # the group of those who watch them all
PAUSE_S = 1.0  # after a push that could not be sent
MOST_PENDING = 10_000
CHANGED = "job.changed"  # a consumer's method job_changed gets it


def group_of(job_id: uuid.UUID | str) -> str:
    """The group of those who watch this one."""
    return f"job-{job_id}"


class Pusher:
    """One thread with one event loop a process: a loop and connection a call cost 20 times more.

    Of a job that changes faster than pushes go out, one is sent.
    """

    def __init__(self) -> None:
        self._forget()
        os.register_at_fork(after_in_child=self._forget)

    def _forget(self) -> None:
        """Threads do not survive a fork."""
        self._pending: set[str] = set()
        self._changed = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._wake: asyncio.Event

    def push(self, job: Job) -> None:
        with self._changed:
            if len(self._pending) < MOST_PENDING:
                self._pending.add(str(job.pk))
            loop = self._loop or self._start()
        loop.call_soon_threadsafe(self._wake.set)

    def _start(self) -> asyncio.AbstractEventLoop:
        started = threading.Event()
        threading.Thread(target=self._run, args=[started], name="job-pushes", daemon=True).start()
        started.wait()
        assert self._loop is not None
        return self._loop

    def _run(self, started: threading.Event) -> None:
        with asyncio.Runner() as runner:
            self._loop, self._wake = runner.get_loop(), asyncio.Event()
            started.set()
            runner.run(self._send_on())

    async def _send_on(self) -> None:
        while await self._wake.wait():
            self._wake.clear()
            for job_id in self._taken():
                await self._send(job_id)

    def _taken(self) -> set[str]:
        with self._changed:
            taken, self._pending = self._pending, set()
        return taken

    async def _send(self, job_id: str) -> None:
        layer = get_channel_layer()
        try:
            for group in (ALL_JOBS, group_of(job_id)):
                await layer.group_send(group, {"type": CHANGED, "id": job_id})
        except Exception as error:  # noqa: BLE001 - a broker's faults are many; pages poll meanwhile
            log.debug("a push was not sent: %s", error)
            await asyncio.sleep(PAUSE_S)


push = Pusher().push
