"""Hearing of one job's changes through the channel layer, where there is one that answers.

Without, nothing is heard: whoever listens looks at the row now and then anyway.
"""

import asyncio
import logging
from typing import Self

from channels.layers import get_channel_layer
from redis.exceptions import RedisError

from jobs.progress import group_of

log = logging.getLogger(__name__)


class Listening:
    """`async with Listening(job_id)`: from there on `anything()` returns when the job changes."""

    def __init__(self, job_id: str) -> None:
        self._group = group_of(job_id.lower())
        self._layer = get_channel_layer()
        self._channel: str | None = None

    async def __aenter__(self) -> Self:
        try:
            channel = await self._layer.new_channel()
            await self._layer.group_add(self._group, channel)
        except (RedisError, OSError) as error:
            log.info("changes of jobs are not heard: %s", error)
        else:
            self._channel = channel
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._channel is None:
            return
        try:
            await self._layer.group_discard(self._group, self._channel)
        except (RedisError, OSError) as error:
            log.info("a group of the channel layer is not left: %s", error)

    async def anything(self) -> None:
        if self._channel is not None:
            try:
                await self._layer.receive(self._channel)
            except (RedisError, OSError) as error:
                log.info("changes of jobs are not heard: %s", error)
            else:
                return
        await asyncio.get_running_loop().create_future()  # never; the caller has a limit
