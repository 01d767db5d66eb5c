"""The one process-wide engine, kept in step with the registry.

A thread reads which versions are champions four times a second, loads and warms the new ones,
and swaps them in. A version that cannot be loaded leaves the last good one serving. Other versions
are loaded when somebody asks for them.
"""

import logging
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from math import inf
from typing import Final, ParamSpec, TypeAlias, TypeVar

from django.conf import settings
from django.db import Error as DatabaseError
from django.db import close_old_connections

from modelregistry.errors import DamagedArtifact, StoreUnavailable
from modelregistry.formats.opening import open_runtime
from modelregistry.formats.runtime import FormatError, Runtime
from modelregistry.formats.signature import Signature
from modelregistry.models import Alias, LiveVersion, ModelVersion, RegisteredModel
from modelregistry.models.serving import Serving
from modelregistry.services import store
from predictions.errors import NoSourceEstimator
from predictions.following import Follower
from predictions.serving.batcher import Policy
from predictions.serving.engine import Addressed, Engine, Identity, Loaded, warmed
from predictions.serving.errors import NotReady, UnknownModel
from predictions.serving.shelf import Shelf

log = logging.getLogger(__name__)
Given = ParamSpec("Given")
Found = TypeVar("Found")
OpenedAs: TypeAlias = tuple[str, str, Signature]  # runtime, artifact, signature
READ_INTERVAL_S = 0.25
RETRY_EVERY_READS = 40  # a version that could not be loaded is tried again every ten seconds
KEPT_OPEN = 2  # the champion and the one before it, for a rollback
EXECUTOR_THREADS = 2  # for dear batches; each batcher has one of them at a time
KEPT_S: Final = 600.0  # a version that is no champion, after it was asked last


def on_live_connection(read: Callable[Given, Found]) -> Callable[Given, Found]:
    """`read` for a thread outside requests: it holds a connection no longer than it reads."""

    def reading(*given: Given.args, **named: Given.kwargs) -> Found:
        try:
            return read(*given, **named)
        finally:
            close_old_connections()  # between reads it would keep a place in the pool

    return reading


def opened_as(live: LiveVersion) -> OpenedAs:
    return live.runtime, live.artifact_sha256, live.signature


def policy_of(serving: Serving) -> Policy:
    return Policy(
        max_batch_rows=serving.max_batch_rows,
        max_queue_rows=serving.max_queue_rows,
        max_wait_s=serving.max_wait_ms / 1000,
    )


def _urgency(live: LiveVersion) -> tuple[bool, bool]:
    """The default model first, and last what scikit-learn has to be loaded for."""
    return live.model != settings.DEFAULT_MODEL, live.runtime != "onnx"


def known_addresses() -> dict[str, Addressed]:
    """All that a version of a model can be asked by, but for the name that means its champion.

    NAME/versions/N and NAME@ALIAS, of versions that are ready and models that are not archived.
    """
    found = {}
    for model, number, pk, seen, deadline in ModelVersion.objects.addressed():
        found[f"{model}/versions/{number}"] = _addressed(pk, seen, deadline)
    for model, alias, pk, seen, deadline in Alias.objects.addressed():
        found[f"{model}@{alias}"] = _addressed(pk, seen, deadline)
    return found


def _addressed(version_id: int, visibility: str, deadline_ms: int | None) -> Addressed:
    public = visibility == RegisteredModel.Visibility.PUBLIC
    return Addressed(version_id, public, _seconds(deadline_ms))


def _seconds(deadline_ms: int | None) -> float:
    return inf if deadline_ms is None else deadline_ms / 1000


class ModelRuntime:
    """Holds the engine, what is loaded for it, and the source estimators asked for."""

    def __init__(self) -> None:
        self.engine = Engine()
        self.follower = Follower(
            "registry", on_live_connection(self.read), interval_s=READ_INTERVAL_S
        )
        self._executor = ThreadPoolExecutor(EXECUTOR_THREADS, thread_name_prefix="inference")
        self._loading = threading.RLock()  # around all below but sources: follower and loader
        self._revision: object = None
        self._reads_until_retry = 0
        self._live: dict[str, LiveVersion] = {}
        self._opened: dict[str, list[tuple[OpenedAs, Runtime]]] = {}  # newest first
        self._shelf: Shelf[LiveVersion] = Shelf(settings.MLAPI.versions_bytes, idle_s=KEPT_S)
        self._unloadable: set[int] = set()  # versions, until the next retry
        self._sources: dict[str, tuple[str, Runtime]] = {}  # by the source's sha256
        self._source_lock = threading.Lock()

    def read(self) -> None:
        """Bring the engine up to the registry; cheap when nothing has changed."""
        revision = Alias.objects.revision()
        with self._loading:
            for gone in self._shelf.sweep():
                log.info("%s version %d is unloaded", gone.identity.model, gone.identity.version)
                self.engine.take_back(gone)
            self._reads_until_retry -= 1
            if revision != self._revision or self._reads_until_retry == 0:
                self._follow()
                self._revision = revision

    def _follow(self) -> None:
        self._unloadable.clear()
        known = known_addresses()
        champions = sorted(Alias.objects.champions(), key=_urgency)
        failed = frozenset(live.model for live in champions if not self._bring_live(live))
        kept = {identity.model for identity in self.engine.models()}
        names = frozenset(live.model for live in champions)
        lent = self._still_lent(known) | self._champions_addresses(known)
        self.engine.settle(servable=names & kept, unservable=failed - kept, known=known, lent=lent)
        self._forget_all_but(names)
        self._reads_until_retry = RETRY_EVERY_READS if failed else 0

    def _still_lent(self, known: Mapping[str, Addressed]) -> dict[str, Loaded]:
        """What was lent before and means the same version, of which nothing has changed."""
        before = self.engine.lent()
        ids = {loaded.identity.version_id for loaded in before.values()}
        rows = ModelVersion.objects.select_related("model").in_bulk(ids) if ids else {}
        kept = {}
        for address, loaded in before.items():
            meant, row = known.get(address), rows.get(loaded.identity.version_id)
            same = meant and row and meant.version_id == row.pk
            if row and same and self._shelf.has(row.pk, row.live(), loaded):
                kept[address] = loaded
        return kept

    def _champions_addresses(self, known: Mapping[str, Addressed]) -> dict[str, Loaded]:
        """Those by which a champion in memory can be asked besides by its model's name."""
        champions = {live.version_id: live.model for live in self._live.values()}
        named = {a: champions.get(meant.version_id) for a, meant in known.items()}
        found = {a: self.engine.champion(model) for a, model in named.items() if model}
        return {a: loaded for a, loaded in found.items() if loaded is not None}

    def _bring_live(self, live: LiveVersion) -> bool:
        """Load, warm and swap in one champion. False when that failed; the last one then stays."""
        before = self._live.get(live.model)
        if before == live:
            return True
        loaded = self._loaded(live)
        if loaded is None:
            return False
        self.engine.swap(loaded)
        self._live[live.model] = live
        others = [kept for kept in self._opened_of(live.model) if kept[0] != opened_as(live)]
        self._opened[live.model] = [(opened_as(live), loaded.runtime), *others][:KEPT_OPEN]
        log.info("%s version %d is live", live.model, live.version)
        return True

    def _loaded(self, live: LiveVersion) -> Loaded | None:
        """None when that failed; the log says why."""
        try:
            return self._load(live)
        except (DamagedArtifact, StoreUnavailable, FormatError) as error:
            log.error("%s version %d cannot be served: %s", live.model, live.version, error)
        except BaseException:  # a model's own code runs at warm-up: it must not stop the others
            log.exception("%s version %d cannot be served", live.model, live.version)
        return None

    def _load(self, live: LiveVersion) -> Loaded:
        runtime = dict(self._opened_of(live.model)).get(opened_as(live)) or open_runtime(
            live.runtime,
            store().read(live.artifact_sha256),
            signature=live.signature,
            classes=live.classes,
        )
        identity = Identity(
            model=live.model,
            version=live.version,
            version_id=live.version_id,
            task=live.task,
            public=live.visibility == "public",
            framework=live.runtime,
            artifact_sha256=live.artifact_sha256,
            source_sha256=live.source_sha256,
        )
        return warmed(
            identity,
            runtime,
            example=live.example,
            executor=self._executor,
            counts=self.engine.counts_of(live.model),
            policy=policy_of(live.serving),
            deadline_s=_seconds(live.serving.deadline_ms),
            cache_ttl_s=live.serving.cache_ttl_s,
        )

    def _opened_of(self, model: str) -> list[tuple[OpenedAs, Runtime]]:
        return self._opened.get(model, [])

    def _forget_all_but(self, models: frozenset[str]) -> None:
        for gone in self._live.keys() - models:
            del self._live[gone]
            self._opened.pop(gone, None)
            self._sources.pop(gone, None)

    def on_demand(self, address: str) -> Loaded:
        """The version at an address that is no champion's name; loads it where it has to be.

        Not on an event loop: it may take seconds. Raises UnknownModel, or NotReady.
        """
        with self._loading:
            meant = self.engine.known(address)
            if meant is None:
                raise UnknownModel
            loaded = self._at_hand(meant.version_id)
            self.engine.lend(address, meant, loaded)
        return loaded

    def _at_hand(self, version_id: int) -> Loaded:
        if version_id in self._unloadable:
            raise NotReady
        try:
            live = ModelVersion.objects.select_related("model").get(pk=version_id).live()
        except (ModelVersion.DoesNotExist, DatabaseError) as error:
            raise NotReady from error
        if self._live.get(live.model) == live:
            return self.engine.live(live.model)
        loaded = self._shelf.get(version_id, live)
        if loaded is None:
            loaded = self._loaded(live)
            if loaded is None:
                self._unloadable.add(version_id)
                if self._reads_until_retry <= 0:  # none is planned
                    self._reads_until_retry = RETRY_EVERY_READS
                raise NotReady
            self._shelf.put(version_id, live, loaded, live.size_bytes)
            log.info("%s version %d is loaded for who asks", live.model, live.version)
        return loaded

    def source(self, model: str) -> tuple[Loaded, Runtime]:
        """The live version and its scikit-learn source, loaded once for a version.

        Raises UnknownModel, NotReady or NoSourceEstimator.
        """
        loaded = self.engine.live(model)
        sha256 = loaded.identity.source_sha256
        if sha256 is None:
            raise NoSourceEstimator("The live version has no scikit-learn source.")
        with self._source_lock:
            kept, runtime = self._sources.get(model, (None, None))
            if runtime is None or kept != sha256:
                runtime = open_runtime(
                    "sklearn",
                    store().read(sha256),
                    signature=loaded.signature.in_double(),
                    classes=loaded.classes,
                )
                self._sources[model] = (sha256, runtime)
        return loaded, runtime

    def start(self, timeout_s: float = 60.0) -> bool:
        """Start following, and wait for the first reading of the registry. False if it failed."""
        self.follower.start()
        if not self.follower.has_read:
            self.follower.wait_for_read(timeout_s)
        return self.follower.has_read


models = ModelRuntime()
