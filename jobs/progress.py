"""Tells live pages that a job has changed: id, seq and plain values, over the channel layer.

At most once, and nobody waits for it: the row is the truth, and every frame is a hint to read it.
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
PAUSE_S = 1.0  # after a frame that could not be sent
MOST_PENDING = 10_000
FRAME = "job.changed"


def group_of(job_id: uuid.UUID | str) -> str:
    """The group of those who watch this one."""
    return f"job-{job_id}"


def frame_of(job: Job) -> dict[str, object]:
    """Plain values; a consumer's method job_changed gets them."""
    return {
        "type": FRAME,
        "id": str(job.pk),
        "seq": job.seq,
        "kind": job.kind,
        "state": job.state,
        "owner_id": job.owner_id,
        "done": job.progress_done,
        "total": job.progress_total,
        "stage": job.progress_stage,
    }


class Pusher:
    """One thread with one event loop a process: a loop and connection a call cost 20 times more.

    Of a job that changes faster than frames go out only the newest is sent.
    """

    def __init__(self) -> None:
        self._forget()
        os.register_at_fork(after_in_child=self._forget)

    def _forget(self) -> None:
        """Threads do not survive a fork."""
        self._pending: dict[str, dict[str, object]] = {}
        self._changed = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._wake: asyncio.Event

    def push(self, job: Job) -> None:
        frame = frame_of(job)
        with self._changed:
            if len(self._pending) < MOST_PENDING:
                self._pending[str(job.pk)] = frame
            loop = self._loop or self._start()
        loop.call_soon_threadsafe(self._wake.set)

    def _start(self) -> asyncio.AbstractEventLoop:
        started = threading.Event()
        threading.Thread(target=self._run, args=[started], name="job-frames", daemon=True).start()
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
            for frame in self._taken():
                await self._send(frame)

    def _taken(self) -> list[dict[str, object]]:
        with self._changed:
            taken, self._pending = self._pending, {}
        return list(taken.values())

    async def _send(self, frame: dict[str, object]) -> None:
        layer = get_channel_layer()
        try:
            for group in (ALL_JOBS, group_of(str(frame["id"]))):
                await layer.group_send(group, frame)
        except Exception as error:  # noqa: BLE001 - a broker's faults are many; pages poll meanwhile
            log.debug("a frame was not sent: %s", error)
            await asyncio.sleep(PAUSE_S)


push = Pusher().push
