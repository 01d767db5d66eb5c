"""Builds the one lane with its collaborators; asgi.py and urls.py take it from here."""

import asyncio
import atexit
import functools
import logging
from collections.abc import Callable

from django.conf import settings

from jobs.metrics import FINISHED, count_from_zero
from jobs.nudging import Nudged
from jobs.preconditions import broker_fault, database_fault, migration_fault
from mlapi import health
from mlapi.auth import authenticate_on_loop, keys
from mlapi.last_uses import last_uses
from mlapi.observability import meter, request_ids
from mlapi.problems import lane_reply
from modelregistry.models import REGISTRY
from predictions.following import Follower
from predictions.lane.collaborators import Collaborators
from predictions.lane.lane import Lane
from predictions.lane.room import Room
from predictions.loading import Loader
from predictions.runtime import models, on_live_connection
from predictions.serving.cache import Cache
from predictions.serving.engine import Loaded
from predictions.serving.errors import ServingError

log = logging.getLogger(__name__)
FOLD_INTERVAL_S = 0.25


loader = Loader(on_live_connection(models.on_demand))


def _fetch(address: str, then: Callable[[Loaded | ServingError], None]) -> None:
    on_loop = asyncio.get_running_loop().call_soon_threadsafe

    def fetched(outcome: Loaded | ServingError) -> None:
        on_loop(then, outcome)

    loader.fetch(address, fetched)


registry_news = Nudged(REGISTRY, models.follower.read_now)
metrics_follower = Follower("metrics", health.fold, interval_s=FOLD_INTERVAL_S)
lane = Lane(
    Collaborators(
        engine=models.engine,
        cache=Cache(settings.MLAPI.cache_bytes),
        default_model=settings.DEFAULT_MODEL,
        authenticate=authenticate_on_loop,
        fetch=_fetch,
        problem=lane_reply,
        request_id=request_ids,
        meter=meter,
        body_limit=settings.MLAPI.limits.json_bytes,
        room=Room(settings.MLAPI.limits.json_bytes),
    )
)


@functools.cache
def start() -> None:
    """What a serving process does once, before its first answer: follow registry, keys, broker."""
    faults = (broker_fault(settings.CELERY_BROKER_URL), database_fault() or migration_fault())
    for fault in filter(None, faults):
        log.warning("%s", fault)
    count_from_zero(FINISHED)
    metrics_follower.start()
    keys.follower.start()
    last_uses.follower.start()
    health.broker_follower.start()
    atexit.register(health.fold)
    models.start()
    registry_news.start()


def stop() -> None:
    """No thread outlives the server; the last counts are kept."""
    followers = (
        *(models.follower, keys.follower, health.broker_follower, metrics_follower),
        *(registry_news, last_uses.follower),
    )
    for follower in followers:
        follower.ask_to_stop()
    for follower in followers:
        follower.stop()
    health.fold()
    last_uses.end()
