"""The one process-wide engine, kept in step with the registry.

A thread reads which versions are champions four times a second, loads and warms the new ones,
and swaps them in. Where a champion cannot be loaded, what was champion before answers. Versions
share one budget of memory: what is out of it is loaded when somebody asks.
"""

import logging
import threading
from collections.abc import Callable, Iterator
from typing import ParamSpec, TypeVar

from django.conf import settings
from django.contrib.auth.models import AnonymousUser, User
from django.db import Error as DatabaseError
from django.db import close_old_connections

from modelregistry import services
from modelregistry.access import caller_of
from modelregistry.formats.opening import open_runtime
from modelregistry.formats.runtime import Runtime
from modelregistry.models import CHAMPION, Alias, LiveVersion, ModelVersion
from predictions import versions
from predictions.errors import NoSourceEstimator
from predictions.following import Follower
from predictions.memory import Memory
from predictions.serving.engine import Addressed, Engine, Loaded
from predictions.serving.errors import NotReady, UnknownModel, VersionBroken
from predictions.versions import opened_as

log = logging.getLogger(__name__)
Given = ParamSpec("Given")
Found = TypeVar("Found")
READ_INTERVAL_S = 0.25
RETRY_EVERY_READS = 40  # a version that could not be loaded is tried again every ten seconds
KEPT_OPEN = 2  # the champion and the one before it, for a rollback


def on_live_connection(read: Callable[Given, Found]) -> Callable[Given, Found]:
    """`read` for a thread outside requests: it holds a connection no longer than it reads."""

    def reading(*given: Given.args, **named: Given.kwargs) -> Found:
        try:
            return read(*given, **named)
        finally:
            close_old_connections()  # between reads it would keep a place in the pool

    return reading


def _urgency(live: LiveVersion) -> tuple[bool, bool]:
    """The default model first, and last what scikit-learn has to be loaded for."""
    return live.model != settings.DEFAULT_MODEL, live.runtime != "onnx"


class ModelRuntime:
    """Holds the engine, what is loaded for it, and the source estimators asked for."""

    def __init__(self) -> None:
        self.engine = Engine()
        self.follower = Follower(
            "registry", on_live_connection(self.read), interval_s=READ_INTERVAL_S
        )
        self.troubles: dict[str, versions.Trouble] = {}  # by model, whose champion does not answer
        self._loading = threading.RLock()  # around all below but sources: follower and loader
        self._revision: object = None
        self._reads_until_retry = 0  # 0: none is planned
        self._live: dict[str, LiveVersion] = {}  # what answers by its model's name
        self._kept: dict[str, list[int]] = {}  # versions that were champions, newest first
        env = settings.MLAPI
        self._memory = Memory(env.versions_bytes, self.engine, threads=env.run_threads)
        self._mender = services.Mender()
        self._unloadable: set[int] = set()  # versions, until the next retry
        self._sources: dict[str, tuple[str, Runtime]] = {}  # by the source's sha256
        self._source_lock = threading.Lock()

    def live_version(self, model: str) -> LiveVersion | None:
        """What answers by the model's name, in memory or not; None where nothing does."""
        return self._live.get(model)

    def read(self) -> None:
        """Bring the engine up to the registry; cheap when nothing has changed."""
        due = self._retry_is_due()
        if due:
            self._mender.mend()
        revision = Alias.objects.revision()
        with self._loading:
            kept = frozenset(pk for of_model in self._kept.values() for pk in of_model)
            self._memory.sweep(pinned=self._pinned(), kept=kept)
            if due or revision != self._revision:
                self._follow()
                self._revision = revision

    def _retry_is_due(self) -> bool:
        with self._loading:
            due = self._reads_until_retry == 1
            self._reads_until_retry = max(0, self._reads_until_retry - 1)
            if due:
                self._plan_retry()  # for as long as nobody knows that all is well
        return due

    def _plan_retry(self) -> None:
        self._reads_until_retry = self._reads_until_retry or RETRY_EVERY_READS

    def _follow(self) -> None:
        self._unloadable.clear()
        known = versions.known_addresses()
        damaged = Alias.objects.damaged()
        champions = sorted([*Alias.objects.champions(), *damaged], key=_urgency)
        # What needs no file first: whom a model is for does not wait for one that is loaded.
        champions.sort(key=lambda champion: not self._memory.holds(champion))
        for champion in champions:
            self._bring_live(champion, broken=champion in damaged)
        names = frozenset(champion.model for champion in champions)
        self._forget_all_but(names)
        for model, live in self._live.items():
            known[model] = known[f"{model}@{CHAMPION}"] = versions.address_of(live)
        for silent in (c for c in champions if c.model not in self._live):
            meant = versions.address_of(silent, broken=silent in damaged)
            known[silent.model] = known[f"{silent.model}@{CHAMPION}"] = meant
        lent = self._lent(known)
        self.engine.settle(servable=frozenset(self._live), known=known, lent=lent)
        self._look_again_if_need_be(champions, damaged)

    def _look_again_if_need_be(
        self, champions: list[LiveVersion], damaged: list[LiveVersion]
    ) -> None:
        """Note whose champion does not answer; then, and for damaged files, a retry is planned."""
        found = [
            versions.Trouble(champion, self._live.get(champion.model), broken=champion in damaged)
            for champion in champions
        ]
        self.troubles = {trouble.champion.model: trouble for trouble in found if trouble.is_one}
        if self.troubles or ModelVersion.objects.damaged().exists():
            self._plan_retry()
        else:
            self._reads_until_retry = 0

    def _lent(self, known: dict[str, Addressed]) -> dict[str, Loaded]:
        """The addresses of what is in memory, where nothing has changed of the version."""
        fresh = self._memory.unchanged()
        whole = ((address, meant) for address, meant in known.items() if not meant.broken)
        pairs = ((address, fresh.get(meant.version_id)) for address, meant in whole)
        return {address: loaded for address, loaded in pairs if loaded is not None}

    def _bring_live(self, champion: LiveVersion, *, broken: bool) -> None:
        """Have it answer, or else what was champion before, or what is in memory still."""
        for live in self._candidates(champion, broken=broken):
            if self._answers_now(live):
                return

    def _candidates(self, champion: LiveVersion, *, broken: bool) -> Iterator[LiveVersion]:
        if not broken:
            yield champion
        yield from services.stand_ins(champion.model)
        if last := self._live.get(champion.model):
            row = ModelVersion.objects.select_related("model").get(pk=last.version_id)
            yield row.readable() or last

    def _answers_now(self, live: LiveVersion) -> bool:
        """Load, warm and swap it in. False when that failed; what answered before then stays."""
        if self._live.get(live.model) == live:
            return True
        if self._can_wait(live):
            self.engine.announce(versions.identity_of(live))
        else:
            loaded = self._at_hand(live)
            if loaded is None:
                return False
            self.engine.swap(loaded)
        before = self._live.get(live.model)
        self._live[live.model] = live
        others = [pk for pk in self._kept.get(live.model, ()) if pk != live.version_id]
        self._kept[live.model] = [live.version_id, *others][:KEPT_OPEN]
        log.info("%s version %d %s", live.model, live.version, _news_of(live, before))
        return True

    def _can_wait(self, live: LiveVersion) -> bool:
        """Whether it is loaded when somebody asks: what a process that starts has no room for, and
        what was out of memory before its settings changed.
        """
        if live.model == settings.DEFAULT_MODEL or self._memory.holds(live):
            return False
        if self._revision is None:
            return not self._memory.has_room(live)
        before = self._live.get(live.model)
        return before is not None and opened_as(before) == opened_as(live)

    def _at_hand(self, live: LiveVersion) -> Loaded | None:
        """None where it cannot be loaded. What its model answers with stays meanwhile."""
        return self._memory.at_hand(live, pinned=self._pinned(live.model))

    def _pinned(self, *models: str) -> frozenset[int]:
        """What answers for the default model and for these, which stays in memory."""
        names = {settings.DEFAULT_MODEL, *models}
        return frozenset(live.version_id for name in names if (live := self._live.get(name)))

    def _forget_all_but(self, models: frozenset[str]) -> None:
        for gone in self._live.keys() - models:
            del self._live[gone]
            self._kept.pop(gone, None)
            self._sources.pop(gone, None)

    def on_demand(self, address: str) -> Loaded:
        """The version at an address where none is in memory; loads it where it has to be.

        Not on an event loop: it may take seconds. Raises UnknownModel, VersionBroken or NotReady.
        """
        with self._loading:
            meant = self.engine.known(address)
            if meant is None:
                raise UnknownModel
            if meant.broken:
                raise VersionBroken
            loaded = self._demanded(address, meant.version_id)
            if loaded is None:
                return self._instead(address)
            self.engine.lend(address, meant, loaded)
        return loaded

    def _demanded(self, address: str, version_id: int) -> Loaded | None:
        """None where it cannot be loaded. Raises NotReady where the database is needed and away."""
        if version_id in self._unloadable:
            return None
        live = self._live.get(address) or _row(version_id)
        loaded = self._at_hand(live)
        if loaded is None:
            self._unloadable.add(version_id)
            self._plan_retry()
        return loaded

    def _instead(self, address: str) -> Loaded:
        """What was champion before, where the address is a model's name. Raises NotReady."""
        before = self._live.pop(address, None)
        if before is None:
            raise NotReady
        try:
            self._follow()
        except DatabaseError as error:
            self._live[address] = before
            raise NotReady from error
        return self.engine.live(address)

    def described(self, address: str, caller: User | None) -> LiveVersion:
        """The version that an address means, in memory or not, for callers who may ask it; None is
        one without a key. Raises UnknownModel, VersionBroken or NotReady.
        """
        if not self.follower.has_read:
            raise NotReady
        meant = self.engine.known(address)
        asking = caller_of(caller or AnonymousUser())  # whether it is there or not
        if meant is None or not meant.audience.admits(asking):
            raise UnknownModel
        if meant.broken:
            raise VersionBroken
        return self._live.get(address) or _row(meant.version_id)

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
                    services.store().read(sha256),
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


def _news_of(live: LiveVersion, before: LiveVersion | None) -> str:
    same = before is not None and before.version_id == live.version_id
    return "is served by its new settings" if same else "is live"


def _row(version_id: int) -> LiveVersion:
    """As the registry has it now. Raises NotReady."""
    try:
        return ModelVersion.objects.select_related("model").get(pk=version_id).live()
    except (ModelVersion.DoesNotExist, DatabaseError) as error:
        raise NotReady from error


models = ModelRuntime()
