"""Dynamic batching: callers that arrive together share one run of the model.

Laws: rows are validated before they come here; limits count rows; a call larger than a batch runs
in slices; a cancelled call is skipped, one whose time is over refused; a failing run fails its own
batch only. One event loop owns a batcher; cheap batches run on it, dear ones in the executor, one
at a time.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from itertools import accumulate
from time import monotonic, perf_counter

from modelregistry.formats.runtime import RowsRefused, Runtime
from modelregistry.formats.signature import Tensor
from predictions.serving.calls import Answer, Call, Part, Results, Share, deliver, joined
from predictions.serving.cost import Cost
from predictions.serving.counts import BatchTimes, Counts
from predictions.serving.errors import DeadlineExceeded, InferenceFailed, Overloaded

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """How a batcher behaves. Rows, seconds."""

    max_batch_rows: int = 256
    max_queue_rows: int = 4096
    max_wait_s: float = 0.0
    inline_below_s: float = 0.0005


class Places:
    """Rows that wait, of all callers of a version."""

    __slots__ = ("taken",)

    def __init__(self) -> None:
        self.taken = 0


class Batcher:
    """Calls for the same version and the same outputs, run together."""

    def __init__(
        self,
        runtime: Runtime,
        outputs: Sequence[str],
        *,
        policy: Policy,
        places: Places,
        counts: Counts,
        cost: Cost,
        executor: Executor,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._runtime = runtime
        self.outputs = tuple(outputs)
        self._inputs = runtime.signature.inputs
        self._policy = policy
        self._places = places
        self._counts = counts
        self._times = BatchTimes()
        self._cost = cost
        self._executor = executor
        self._clock = clock
        self._queue: deque[Call] = deque()
        self._queued_rows = 0  # of callers that are still there
        self._gone = 0  # calls in the queue whose callers have left
        self._wake: asyncio.Handle | None = None  # the flush that is due
        self._busy = False  # a batch is in the executor

    def submit(self, call: Call) -> None:
        """Queue validated rows. Raises Overloaded when they do not fit behind those waiting."""
        if call.cancelled:
            return
        policy, taken, weight = self._policy, self._places.taken, self._weight(call)
        if taken and taken + weight > policy.max_queue_rows:
            raise Overloaded
        self._queue.append(call)
        self._occupy(weight)
        call.wait(self._leave, self._clock())
        if self._busy:
            return
        if self._wake is None:
            self._schedule()
        elif policy.max_wait_s and self._queued_rows >= policy.max_batch_rows:
            self._wake.cancel()
            self._wake = asyncio.get_running_loop().call_soon(self._flush)

    def _occupy(self, rows: int) -> None:
        self._queued_rows += rows
        self._places.taken += rows
        self._counts.waiting_rows += rows

    def _leave(self, call: Call) -> None:
        """A caller in the queue has gone: its place is free, and its call soon out of memory."""
        self._occupy(-self._weight(call))
        self._gone += 1
        if self._gone > len(self._queue) // 2:
            self._queue = deque(kept for kept in self._queue if not kept.cancelled)
            self._gone = 0

    def _weight(self, call: Call) -> int:
        """The rows a call has waiting for the next batch; a large one is no more than a batch."""
        left, most = call.rows - call.taken, self._policy.max_batch_rows
        return left if left < most else most

    def _schedule(self) -> None:
        """Natural batching: everything that has arrived by the end of this turn of the loop."""
        loop, policy = asyncio.get_running_loop(), self._policy
        if policy.max_wait_s and self._queued_rows < policy.max_batch_rows:
            self._wake = loop.call_later(policy.max_wait_s, self._flush)
        else:
            self._wake = loop.call_soon(self._flush)

    def _flush(self) -> None:
        self._wake = None
        batch = self._take()
        if batch:
            rows = sum(part.rows for part in batch)
            if self._cost.of(rows) <= self._policy.inline_below_s:
                self._times.begin(batch, self._clock())
                self._settle(batch, self._run(batch))
            else:
                self._run_in_executor(batch)
        if self._queue and not self._busy and self._wake is None:
            self._wake = asyncio.get_running_loop().call_soon(self._flush)

    def _take(self) -> list[Part]:
        """The next batch: whole calls while they fit, or one slice of a call larger than it.

        A large call goes to the end of the queue after each slice: its neighbours wait for one.
        """
        batch: list[Part] = []
        room, queue, now = self._policy.max_batch_rows, self._queue, self._clock()
        while queue and room > 0:
            call = queue[0]
            left = call.rows - call.taken
            if call.cancelled:
                queue.popleft()
                self._gone -= 1
                continue
            if call.deadline <= now:
                self._refuse_late(call)
                continue
            if left > room and batch:
                break
            size = min(left, room)
            batch.append(Part(call, call.taken, size))
            room -= size
            self._occupy(-self._weight(call))
            call.taken += size
            queue.popleft()
            if call.taken < call.rows:
                queue.append(call)
                self._occupy(self._weight(call))
                break
        return batch

    def _refuse_late(self, call: Call) -> None:
        """The call at the head of the queue: its caller is told, and not on this turn."""
        self._queue.popleft()
        self._occupy(-self._weight(call))
        late = Part(call, call.taken, call.rows - call.taken)
        call.taken = call.rows
        asyncio.get_running_loop().call_soon(self._deliver, late, DeadlineExceeded())

    def _run_in_executor(self, batch: list[Part]) -> None:
        loop = asyncio.get_running_loop()
        self._busy = True

        def work() -> None:
            shares: list[Share] = [InferenceFailed()] * len(batch)
            try:
                shares = self._run_in_time(batch)
            finally:  # also where the model ends the thread: callers wait for an answer
                loop.call_soon_threadsafe(self._back_from_executor, batch, shares)

        try:
            self._executor.submit(work)
        except RuntimeError:  # the process is on its way out
            self._back_from_executor(batch, [InferenceFailed()] * len(batch))

    def _run_in_time(self, batch: list[Part]) -> list[Share]:
        """Others may have had the executor's threads first: who has left or is late meanwhile
        does not run any more.
        """
        now = self._clock()
        in_time = [not part.call.cancelled and part.call.deadline > now for part in batch]
        wanted = [part for part, runs in zip(batch, in_time, strict=True) if runs]
        self._times.begin(wanted, now)
        shares = iter(self._run(wanted) if wanted else ())
        return [next(shares) if runs else DeadlineExceeded() for runs in in_time]

    def _back_from_executor(self, batch: list[Part], shares: list[Share]) -> None:
        self._busy = False
        self._settle(batch, shares)
        if self._queue and self._wake is None:  # those who are there have waited long enough
            self._wake = asyncio.get_running_loop().call_soon(self._flush)

    def _run(self, batch: list[Part]) -> list[Share]:
        """Every part's share. Where the model refuses a row, halves find out whose it is."""
        rows = sum(part.rows for part in batch)
        outcome = self._attempt(batch, rows)
        if isinstance(outcome, RowsRefused) and len(batch) > 1:
            middle = len(batch) // 2
            return self._run(batch[:middle]) + self._run(batch[middle:])
        if isinstance(outcome, Exception):
            return [outcome] * len(batch)
        ends = list(accumulate(part.rows for part in batch))
        return [
            Answer(outcome, end - part.rows, end, rows)
            for part, end in zip(batch, ends, strict=True)
        ]

    def _attempt(self, batch: list[Part], rows: int) -> Results | Exception:
        """The outputs for the batch. What the model raises is returned, for its callers alone."""
        started = assembled = perf_counter()
        try:
            inputs = self._assemble(batch)
            assembled = perf_counter()
            outputs = self._runtime.run(inputs, self.outputs)
            if any(len(tensor) != rows for tensor in outputs):
                raise ValueError("the model returned another number of rows than it was given")
        except RowsRefused as refused:
            return refused
        except KeyboardInterrupt:
            raise
        except BaseException:  # a model's own code may raise anything, and in the loop's thread
            log.exception("a batch of %d rows failed", rows)
            return InferenceFailed()
        finally:
            ended = perf_counter()
            self._times.ran(rows, started, assembled, ended)
        self._cost.learn(rows, ended - started)
        return Results(outputs)

    def _assemble(self, batch: list[Part]) -> dict[str, Tensor]:
        if len(batch) == 1:
            part = batch[0]
            if part.rows == part.call.rows:
                return {s.name: s.tensor(part.call.inputs[s.name]) for s in self._inputs}
        return {
            spec.name: spec.tensor(
                [row for p in batch for row in p.call.inputs[spec.name][p.start : p.stop]]
            )
            for spec in self._inputs
        }

    def _settle(self, batch: list[Part], shares: list[Share]) -> None:
        """Give every caller its share. On the loop, which alone counts, whoever ran the batch."""
        self._counts.add(self._times)
        for part, share in zip(batch, shares, strict=True):
            self._deliver(part, share)

    def _deliver(self, part: Part, share: Share) -> None:
        call = part.call
        if call.cancelled:
            return
        whole = share if part.rows == call.rows else _whole(part, share)
        if whole is None:
            return
        if isinstance(whole, Exception):
            call.cancel()  # the other slices of this call have nobody to go to
        deliver(call, whole)


def _whole(part: Part, share: Share) -> Share | None:
    """What the caller of a large call gets, once there is something to be told."""
    call = part.call
    if isinstance(share, Exception):
        return share
    call.parts.append(share)
    if part.stop < call.rows:
        return None
    try:
        return joined(call.parts)
    except Exception:
        log.exception("the slices of %d rows could not be joined", call.rows)
        return InferenceFailed()
