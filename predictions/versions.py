"""The registry's versions in the words of the serving core: identities, addresses, runtimes."""

from concurrent.futures import Executor
from ctypes import CDLL
from dataclasses import dataclass
from math import inf
from typing import Final, TypeAlias

from psutil import Process

from modelregistry.audience import Audience
from modelregistry.formats.opening import open_runtime
from modelregistry.formats.runtime import Runtime
from modelregistry.formats.signature import Signature
from modelregistry.models import Alias, LiveVersion, ModelVersion, RegisteredModel
from modelregistry.models.serving import Serving
from modelregistry.services import store
from predictions.serving.batcher import Policy
from predictions.serving.counts import Counts
from predictions.serving.engine import Addressed, Identity, Loaded, warmed

OpenedAs: TypeAlias = tuple[str, str, Signature]  # runtime, artifact, signature
NOBODY: Final = Audience(groups=frozenset())  # of a model that was made since it was looked up
READY: Final = ModelVersion.State.READY
SMALLEST_BYTES: Final = 1 << 19  # of memory, that the smallest takes
MOST_GROWTH: Final = 8  # times its file: forests take seven times theirs, networks once
_libc: Final = CDLL(None)


@dataclass(frozen=True, slots=True)
class Trouble:
    """A champion, and what answers by its model's name; None where nothing does."""

    champion: LiveVersion
    answering: LiveVersion | None
    broken: bool

    @property
    def is_one(self) -> bool:
        return self.broken or self.answering != self.champion

    @property
    def sentence(self) -> str:
        """For everybody, so that models which are not public have no name."""
        who = f"model {self.champion.model}" if self.champion.audience.public else "a model"
        what = "is broken" if self.broken else "cannot be loaded"
        instead = f"version {self.answering.version} answers" if self.answering else "none answers"
        return f"{who}: version {self.champion.version} {what}, {instead}"


def known_addresses() -> dict[str, Addressed]:
    """All that a version of a model can be asked by, but for the name that means its champion.

    NAME/versions/N and NAME@ALIAS, of versions that are ready, or were until their file was
    damaged, and models that are not archived.
    """
    found = {}
    audiences = RegisteredModel.objects.audiences()
    for model, number, pk, deadline, state in ModelVersion.objects.addressed():
        audience = audiences.get(model, NOBODY)
        found[f"{model}/versions/{number}"] = _addressed(pk, audience, deadline, state)
    for model, alias, pk, deadline, state in Alias.objects.addressed():
        audience = audiences.get(model, NOBODY)
        found[f"{model}@{alias}"] = _addressed(pk, audience, deadline, state)
    return found


def address_of(live: LiveVersion, *, broken: bool = False) -> Addressed:
    """What an address of that version means."""
    deadline_s = _seconds(live.serving.deadline_ms)
    return Addressed(live.version_id, live.audience, deadline_s, broken)


def _addressed(
    version_id: int, audience: Audience, deadline_ms: int | None, state: str
) -> Addressed:
    return Addressed(version_id, audience, _seconds(deadline_ms), broken=state != READY)


def _seconds(deadline_ms: int | None) -> float:
    return inf if deadline_ms is None else deadline_ms / 1000


def identity_of(live: LiveVersion) -> Identity:
    return Identity(
        model=live.model,
        version=live.version,
        version_id=live.version_id,
        task=live.task,
        audience=live.audience,
        framework=live.runtime,
        artifact_sha256=live.artifact_sha256,
        source_sha256=live.source_sha256,
    )


def opened_as(live: LiveVersion) -> OpenedAs:
    """Versions of which this is the same can share what is in memory."""
    return live.runtime, live.artifact_sha256, live.signature


def least_memory(live: LiveVersion) -> int:
    """Bytes, before anybody has measured it."""
    return SMALLEST_BYTES + live.size_bytes


def most_memory(live: LiveVersion) -> int:
    return SMALLEST_BYTES + MOST_GROWTH * live.size_bytes


def opened(live: LiveVersion) -> tuple[Runtime, int]:
    """From its file, and the bytes by which the process has grown meanwhile; others allocate, too,
    or leave room, so that no more or less is believed than can be.

    Raises DamagedArtifact, StoreUnavailable, FormatError.
    """
    before = _resident()
    data = store().read(live.artifact_sha256)
    runtime = open_runtime(live.runtime, data, signature=live.signature, classes=live.classes)
    del data
    grown = _resident() - before
    return runtime, min(max(grown, least_memory(live)), most_memory(live))


def _resident() -> int:
    give_back()
    return Process().memory_info().rss  # looked up each time: a fork is another process


def give_back() -> None:
    """What was freed, to the machine: glibc keeps most of it, for whatever comes next."""
    if hasattr(_libc, "malloc_trim"):  # other C libraries have none
        _libc.malloc_trim(0)


def loaded_over(
    runtime: Runtime, live: LiveVersion, *, executor: Executor, counts: Counts
) -> Loaded:
    """The version as its row says now, warm, over a model in memory."""
    return warmed(
        identity_of(live),
        runtime,
        example=live.example,
        executor=executor,
        counts=counts,
        policy=policy_of(live.serving),
        deadline_s=_seconds(live.serving.deadline_ms),
        cache_ttl_s=live.serving.cache_ttl_s,
    )


def policy_of(serving: Serving) -> Policy:
    return Policy(
        max_batch_rows=serving.max_batch_rows,
        max_queue_rows=serving.max_queue_rows,
        max_wait_s=serving.max_wait_ms / 1000,
    )
