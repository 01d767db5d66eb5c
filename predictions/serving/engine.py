"""Which version answers for which model, in this process: loaded, warmed, swapped in one step."""

import logging
from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from time import perf_counter

from modelregistry.formats.runtime import ClassLabel, RowsRefused, Runtime
from modelregistry.formats.signature import Signature, Tensor
from predictions.serving.batcher import Batcher, Places, Policy
from predictions.serving.calls import is_finite
from predictions.serving.cost import Cost
from predictions.serving.errors import InferenceFailed, NotFinite, NotReady, UnknownModel

log = logging.getLogger(__name__)

WARM_ROWS = 32
UNKNOWN_S = 0.001  # a cost until runs have shown it: not to be tried on the event loop


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """What a loaded version is called, and who may ask it."""

    model: str
    version: int
    version_id: int
    task: str
    public: bool
    framework: str  # the runtime it is served by: onnx or sklearn
    source_sha256: str | None  # of the scikit-learn source, where there is one


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
    ) -> None:
        self.identity = identity
        self.example = tuple(example)
        self.runtime = runtime
        self.signature: Signature = runtime.signature
        self.classes: tuple[ClassLabel, ...] | None = runtime.classes
        self._cost = cost
        self._executor = executor
        self.made: dict[object, object] = {}  # by what has made it for this version
        self._places = Places()
        self._batchers: dict[tuple[tuple[str, ...], Policy], Batcher] = {}

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
    identity: Identity, runtime: Runtime, *, example: Sequence[object], executor: Executor
) -> Loaded:
    """`runtime` after its first runs, which are the slow ones, with its cost measured.

    `example` is a row the model takes; where it takes none, its first callers warm it up.
    """
    try:
        cost = measured_cost(runtime, example)
    except RowsRefused:
        log.info("%s version %d refuses its example", identity.model, identity.version)
        cost = Cost(one_row_s=UNKNOWN_S, many_rows_s=UNKNOWN_S, many_rows=WARM_ROWS)
    return Loaded(identity, runtime, example=example, cost=cost, executor=executor)


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
    """Name to live version. Reading needs no lock: a swap replaces one entry of a dict."""

    def __init__(self) -> None:
        self._live: dict[str, Loaded] = {}
        self._unservable: frozenset[str] = frozenset()
        self._complete = False

    def live(self, model: str) -> Loaded:
        """The version that answers for `model`. Raises UnknownModel, or NotReady."""
        try:
            return self._live[model]
        except KeyError:
            if self._complete and model not in self._unservable:
                raise UnknownModel from None
            raise NotReady from None

    def swap(self, loaded: Loaded) -> None:
        """`loaded` answers from now on; requests under way finish on what they started on."""
        self._live[loaded.identity.model] = loaded

    def settle(self, *, servable: frozenset[str], unservable: frozenset[str]) -> None:
        """The registry has been read: these models answer, those should and cannot be loaded."""
        self._unservable = unservable
        for model in self._live.keys() - servable:
            del self._live[model]
        self._complete = True

    def models(self) -> list[Identity]:
        """What answers now."""
        return [loaded.identity for loaded in list(self._live.values())]
