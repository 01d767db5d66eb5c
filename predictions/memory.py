"""The versions in this process's memory: loaded from their files, warmed, and unloaded for others.

One budget for all of them. Before a load there is room for the file, or for what the version took
when it was loaded last; right after it, for what it was measured to take. In between they may be
beyond the budget by what the file did not tell.
"""

import logging
from collections.abc import Set
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from django.db import Error as DatabaseError

from modelregistry.errors import DamagedArtifact, StoreUnavailable
from modelregistry.formats.runtime import FormatError, Runtime
from modelregistry.models import LiveVersion, ModelVersion
from modelregistry.services import report_damage
from predictions import versions
from predictions.serving.engine import Engine, Loaded
from predictions.serving.shelf import Shelf

log = logging.getLogger(__name__)
KEPT_S: Final = 600.0  # a version that was never champion, after it was asked last


class Memory:
    """What is unloaded is taken back from `engine`. One thread at a time.

    Dear batches run in `threads` threads, of which each batcher has one at a time.
    """

    def __init__(self, budget_bytes: int, engine: Engine, *, threads: int) -> None:
        self._shelf: Shelf[LiveVersion] = Shelf(budget_bytes, idle_s=KEPT_S)
        self._engine = engine
        self._executor = ThreadPoolExecutor(threads, thread_name_prefix="inference")
        self._sizes: dict[str, int] = {}  # in memory, by the artifact's sha256
        self._reported: set[int] = set()  # damaged ones, until this process finds them whole

    def at_hand(self, live: LiveVersion, *, pinned: Set[int]) -> Loaded | None:
        """From memory, or loaded; None when that failed, and the log says why."""
        loaded = self._shelf.get(live.version_id, live)
        if loaded is None:
            loaded = self._loaded(live, pinned)
            if loaded is not None:
                self._shelf.put(live.version_id, live, loaded, self._size_of(live))
                self._make_room(0, pinned | {live.version_id})
        return loaded

    def holds(self, live: LiveVersion) -> bool:
        """Whether no file has to be read for it."""
        return self._opened(live) is not None

    def has_room(self, live: LiveVersion) -> bool:
        """Whether it certainly fits beside all that is there."""
        return self._shelf.has_room(versions.most_memory(live))

    def unchanged(self) -> dict[int, Loaded]:
        """What is there, by the version's id, where its row still says the same."""
        there = {live.version_id: (live, loaded) for live, loaded in self._shelf.origins()}
        rows = ModelVersion.objects.select_related("model").in_bulk(there.keys())
        now = {pk: row.readable() for pk, row in rows.items()}
        return {pk: loaded for pk, (live, loaded) in there.items() if now.get(pk) == live}

    def sweep(self, *, pinned: Set[int], kept: Set[int]) -> None:
        """Unload what there is no room for, and what nobody has asked for lately."""
        self._unload(self._shelf.sweep(pinned=pinned, kept=kept))

    def _make_room(self, more_bytes: int, pinned: Set[int]) -> None:
        self._unload(self._shelf.make_room(more_bytes, pinned=pinned))

    def _unload(self, gone: list[Loaded]) -> None:
        """Requests under way keep theirs until they are answered."""
        some = bool(gone)
        while gone:
            self._forget(gone.pop())
        if some:
            versions.give_back()

    def _forget(self, loaded: Loaded) -> None:
        log.info("%s version %d is unloaded", loaded.identity.model, loaded.identity.version)
        self._engine.take_back(loaded)

    def _loaded(self, live: LiveVersion, pinned: Set[int]) -> Loaded | None:
        try:
            return self._load(live, pinned)
        except (DamagedArtifact, StoreUnavailable, FormatError) as error:
            log.error("%s version %d cannot be served: %s", live.model, live.version, error)
            if isinstance(error, DamagedArtifact):
                self._report(live, error)
        except BaseException:  # a model's own code runs at warm-up: it must not stop the others
            log.exception("%s version %d cannot be served", live.model, live.version)
        return None

    def _load(self, live: LiveVersion, pinned: Set[int]) -> Loaded:
        runtime = self._opened(live)
        if runtime is None:
            self._make_room(self._size_of(live), pinned)
            runtime, self._sizes[live.artifact_sha256] = versions.opened(live)
            self._reported.discard(live.version_id)
            log.info("%s version %d is in memory", live.model, live.version)
        counts = self._engine.counts_of(live.model)
        return versions.loaded_over(runtime, live, executor=self._executor, counts=counts)

    def _opened(self, live: LiveVersion) -> Runtime | None:
        wanted, there = versions.opened_as(live), self._shelf.origins()
        alike = (one.runtime for kept, one in there if versions.opened_as(kept) == wanted)
        return next(alike, None)

    def _size_of(self, live: LiveVersion) -> int:
        """Bytes, as they were measured when it was loaded last."""
        return self._sizes.get(live.artifact_sha256, versions.least_memory(live))

    def _report(self, live: LiveVersion, error: DamagedArtifact) -> None:
        """Until it is marked, and not again: where another process finds it whole after that, the
        fault is this machine's.
        """
        if live.version_id in self._reported:
            return
        try:
            if report_damage(live, error, found_by="a serving process") or _is_marked(live):
                self._reported.add(live.version_id)
        except DatabaseError as away:  # the next load that fails says it again
            log.warning("%s version %d is not marked yet: %s", live.model, live.version, away)


def _is_marked(live: LiveVersion) -> bool:
    return ModelVersion.objects.damaged().filter(pk=live.version_id).exists()
