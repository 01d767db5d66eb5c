"""Pushes for live pages: over a real broker, one when a job has changed for the last time too."""

import asyncio
from pathlib import Path

import pytest
from channels_redis.pubsub import RedisPubSubChannelLayer

from jobs.progress import ALL_JOBS, group_of
from tests.jobs.house import House

pytestmark = [pytest.mark.stack, pytest.mark.timeout(180)]


async def listen(layer: RedisPubSubChannelLayer, group: str) -> str:
    channel: str = await layer.new_channel()
    await layer.group_add(group, channel)
    return channel


async def test_a_job_is_pushed_from_queue_to_end(workshop: House, tmp_path: Path) -> None:
    layer = RedisPubSubChannelLayer(hosts=[workshop.environment.redis_py_url], prefix="mlapi")
    everything = await listen(layer, ALL_JOBS)
    job_id = await asyncio.to_thread(
        workshop.submit, "step_task", folder=str(tmp_path), seconds=0.006
    )
    alone = await listen(layer, group_of(job_id))
    states: list[str] = []
    while "succeeded" not in states:  # the row is looked at after pushes only
        push = await asyncio.wait_for(layer.receive(everything), 30)
        assert push == {"type": "job.changed", "id": job_id}
        states.append((await asyncio.to_thread(workshop.call, "job", job_id=job_id))["state"])
    for _ in range(3):
        assert (await asyncio.wait_for(layer.receive(alone), 30))["id"] == job_id
    await layer.flush()

    assert states == sorted(states, key=["queued", "running", "succeeded"].index)
    assert states.count("running") > 3
