"""Which version answers for which model, in this process: loaded, warmed, swapped in one step."""

import logging
from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from math import inf
from time import perf_counter

from modelregistry.audience import Audience
from modelregistry.formats.runtime import ClassLabel, RowsRefused, Runtime
from modelregistry.formats.signature import Signature, Tensor
from predictions.serving.batcher import Batcher, Places, Policy
from predictions.serving.calls import is_finite
from predictions.serving.cost import Cost
from predictions.serving.counts import Counts
from predictions.serving.errors import (
    InferenceFailed,
    NotFinite,
    NotLoaded,
    NotReady,
    UnknownModel,
)

log = logging.getLogger(__name__)

WARM_ROWS = 32
NATURAL = Policy()
UNKNOWN_S = 0.001  # a cost until runs have shown it: not to be tried on the event loop


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """What a loaded version is called, and who may ask it."""

    model: str
    version: int
    version_id: int
    task: str
    audience: Audience
    framework: str  # the runtime it is served by: onnx or sklearn
    artifact_sha256: str  # of what that runtime has opened
    source_sha256: str | None  # of the scikit-learn source, where there is one


@dataclass(frozen=True, slots=True)
class Addressed:
    """The version that an address means now, and who may ask it.

    A broken one is known, and is not loaded for anybody.
    """

    version_id: int
    audience: Audience
    deadline_s: float = inf
    broken: bool = False


class Loaded:
    """A version in memory, warm, with the batchers of its callers. Never changes what it is."""

    def __init__(
        self,
        identity: Identity,
        runtime: Runtime,
        *,
        example: Sequence[object],
        cost: Cost,
        executor: Executor,
        counts: Counts | None = None,
        policy: Policy = NATURAL,
        deadline_s: float = inf,
        cache_ttl_s: float = 0.0,
    ) -> None:
        self.identity = identity
        self.policy = policy
        self.deadline_s = deadline_s  # of a request that names none itself
        self.cache_ttl_s = cache_ttl_s  # for how long answers are kept; 0: not at all
        self.cached_as = f"{identity.version_id} {identity.artifact_sha256}"
        self.example = tuple(example)
        self.runtime = runtime
        self.signature: Signature = runtime.signature
        self.classes: tuple[ClassLabel, ...] | None = runtime.classes
        self.counts = counts or Counts()  # its model's
        self._cost = cost
        self._executor = executor
        self.made: dict[object, object] = {}  # by what has made it for this version
        self.asked = False  # since somebody looked last
        self._places = Places()
        self._batchers: dict[tuple[tuple[str, ...], Policy], Batcher] = {}

    @property
    def is_full(self) -> bool:
        """Whether no row more may wait: then nobody needs to read what a request holds."""
        return self._places.taken >= self.policy.max_queue_rows

    def batcher(self, outputs: tuple[str, ...], policy: Policy) -> Batcher:
        """The batcher of those who ask for the same outputs under the same policy.

        All of a version's callers wait in the same number of places.
        """
        try:
            return self._batchers[outputs, policy]
        except KeyError:
            made = Batcher(
                self.runtime,
                outputs,
                policy=policy,
                places=self._places,
                counts=self.counts,
                cost=self._cost,
                executor=self._executor,
            )
            return self._batchers.setdefault((outputs, policy), made)


def run_unbatched(
    runtime: Runtime, rows: dict[str, list[object]], outputs: Sequence[str]
) -> list[Tensor]:
    """Validated rows through any runtime, in the calling thread.

    Raises RowsRefused, NotFinite, or InferenceFailed.
    """
    try:
        inputs = {spec.name: spec.tensor(rows[spec.name]) for spec in runtime.signature.inputs}
        tensors = runtime.run(inputs, outputs)
    except (RowsRefused, KeyboardInterrupt):
        raise
    except BaseException as error:  # whatever a model raises is the model's failure
        log.exception("a run failed")
        raise InferenceFailed from error
    if not all(map(is_finite, tensors)):
        raise NotFinite
    return tensors


def warmed(
    identity: Identity,
    runtime: Runtime,
    *,
    example: Sequence[object],
    executor: Executor,
    counts: Counts,
    policy: Policy = NATURAL,
    deadline_s: float = inf,
    cache_ttl_s: float = 0.0,
) -> Loaded:
    """`runtime` after its first runs, which are the slow ones, with its cost measured.

    `example` is a row the model takes; where it takes none, its first callers warm it up.
    """
    try:
        cost = measured_cost(runtime, example)
    except RowsRefused:
        log.info("%s version %d refuses its example", identity.model, identity.version)
        cost = Cost(one_row_s=UNKNOWN_S, many_rows_s=UNKNOWN_S, many_rows=WARM_ROWS)
    return Loaded(
        identity,
        runtime,
        example=example,
        cost=cost,
        executor=executor,
        counts=counts,
        policy=policy,
        deadline_s=deadline_s,
        cache_ttl_s=cache_ttl_s,
    )


def measured_cost(runtime: Runtime, example: Sequence[object]) -> Cost:
    """The cost of one row and of WARM_ROWS rows; each the best of three runs."""
    best = {n: min(_timed_run(runtime, example, n) for _ in range(3)) for n in (1, WARM_ROWS)}
    return Cost(one_row_s=best[1], many_rows_s=best[WARM_ROWS], many_rows=WARM_ROWS)


def _timed_run(runtime: Runtime, example: Sequence[object], rows: int) -> float:
    signature = runtime.signature
    row = signature.inputs_of(example)
    inputs = {spec.name: spec.tensor(row[spec.name] * rows) for spec in signature.inputs}
    started = perf_counter()
    runtime.run(inputs, [spec.name for spec in signature.outputs])
    return perf_counter() - started


class Engine:
    """Address to version in memory. Reading needs no lock: a swap replaces one entry of a dict.

    A model's name is the address of what answers for it, its champion. Every address of a version
    that may be loaded is known, and is lent the version when somebody asks.
    """

    def __init__(self) -> None:
        self._live: dict[str, Loaded] = {}
        self._champions: dict[str, Identity] = {}
        self._known: Mapping[str, Addressed] = {}
        self._counts: dict[str, Counts] = {}
        self._complete = False

    def live(self, address: str) -> Loaded:
        """The version that answers at `address`. Raises UnknownModel, NotLoaded or NotReady."""
        try:
            return self._live[address]
        except KeyError:
            raise self._absence(address) from None

    def _absence(self, address: str) -> UnknownModel | NotReady:
        known = self._known.get(address)
        if known is not None:
            return NotLoaded(audience=known.audience, deadline_s=known.deadline_s)
        return UnknownModel() if self._complete else NotReady()

    def known(self, address: str) -> Addressed | None:
        """What `address` means, for `lend`; None where it means nothing."""
        return self._known.get(address)

    def counts_of(self, model: str) -> Counts:
        """Of a registered model; all its versions add to the same, so that no swap loses any."""
        return self._counts.setdefault(model, Counts())

    def counts_at(self, address: str) -> Counts | None:
        """Of the model that is asked at `address`; None where none is known there."""
        loaded = self._live.get(address)
        if loaded is not None:
            return loaded.counts
        model = address.partition("/")[0].partition("@")[0]
        return self.counts_of(model) if address in self._known else None

    def counted(self) -> dict[str, Counts]:
        """By model: all that were loaded in this process since it began."""
        return dict(self._counts)

    def swap(self, loaded: Loaded) -> None:
        """`loaded` is its model's champion from now on; requests under way finish on what they
        started on.
        """
        name = loaded.identity.model
        self._champions[name], self._live[name] = loaded.identity, loaded

    def announce(self, champion: Identity) -> None:
        """It is its model's champion from now on, and is loaded when somebody asks."""
        self._champions[champion.model] = champion
        self._live.pop(champion.model, None)

    def lend(self, address: str, meant: Addressed, loaded: Loaded) -> None:
        """`loaded` answers at `address`, if that still means what it did."""
        if self._known.get(address) is meant:
            self._live[address] = loaded

    def settle(
        self,
        *,
        servable: frozenset[str],
        known: Mapping[str, Addressed],
        lent: Mapping[str, Loaded],
    ) -> None:
        """The registry has been read: these champions answer.

        `known` are all addresses that mean a version, `lent` those that answer from memory.
        """
        for model in self._champions.keys() - servable:
            del self._champions[model]
        self._known = known
        for address in self._live.keys() - self._champions.keys() - lent.keys():
            del self._live[address]
        self._live.update(lent)
        self._complete = True

    def take_back(self, loaded: Loaded) -> None:
        """It is out of memory where it can be loaded again."""
        for address in [a for a, lent in list(self._live.items()) if lent is loaded]:
            if address in self._known:
                self._live.pop(address, None)

    def models(self) -> list[Identity]:
        """The champions that answer, from memory or once they are loaded."""
        return list(self._champions.values())
