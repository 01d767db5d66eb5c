"""Frames for live pages: the newest state of a job, over a real broker, at most once."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from channels_redis.pubsub import RedisPubSubChannelLayer

from jobs.progress import ALL_JOBS, group_of
from tests.jobs.house import House

pytestmark = [pytest.mark.stack, pytest.mark.timeout(180)]


async def frames_until_the_end(house: House, folder: Path) -> list[dict[str, Any]]:
    layer = RedisPubSubChannelLayer(hosts=[house.environment.redis_py_url], prefix="mlapi")
    channel = await layer.new_channel()
    await layer.group_add(ALL_JOBS, channel)
    job_id = await asyncio.to_thread(house.submit, "step_task", folder=str(folder), seconds=0.002)
    alone = await layer.new_channel()
    await layer.group_add(group_of(job_id), alone)
    frames: list[dict[str, Any]] = []
    while not frames or frames[-1]["state"] != "succeeded":
        frame = await asyncio.wait_for(layer.receive(channel), 30)
        # Two processes send: what is older than what was seen is dropped, as a page does.
        if frame["id"] == job_id and (not frames or frame["seq"] > frames[-1]["seq"]):
            frames.append(frame)
    last = await asyncio.wait_for(layer.receive(alone), 10)
    while last["state"] != "succeeded":
        last = await asyncio.wait_for(layer.receive(alone), 10)
    await layer.flush()
    return frames


async def test_a_job_is_followed_from_queue_to_end(workshop: House, tmp_path: Path) -> None:
    frames = await frames_until_the_end(workshop, tmp_path)
    states = [frame["state"] for frame in frames]
    assert states == sorted(states, key=["queued", "running", "succeeded"].index)
    steps = [frame["done"] for frame in frames if frame["done"] is not None]
    assert len(steps) > 3
    assert steps == sorted(steps)
    assert frames[-1]["done"] == 999
    assert set(frames[-1]) == {
        "type", "id", "seq", "kind", "state", "owner_id", "done", "total", "stage",
    }  # fmt: skip
