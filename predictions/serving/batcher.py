"""Dynamic batching: callers that arrive together share one run of the model.

Laws: rows are validated before they come here; limits count rows; a call larger than a batch runs
in slices; a cancelled call is skipped; a failing run fails its own batch only. One event loop owns
a batcher; cheap batches run on it, dear ones in the executor, one at a time.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from itertools import accumulate
from time import perf_counter

from modelregistry.formats.runtime import RowsRefused, Runtime
from modelregistry.formats.signature import Tensor
from predictions.serving.calls import Answer, Call, Part, Results, Share, joined
from predictions.serving.cost import Cost
from predictions.serving.errors import InferenceFailed, Overloaded

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """How a batcher behaves. Rows, seconds."""

    max_batch_rows: int = 256
    max_queue_rows: int = 4096
    max_wait_s: float = 0.0
    inline_below_s: float = 0.0005


class Batcher:
    """Calls for the same version and the same outputs, run together."""

    def __init__(
        self,
        runtime: Runtime,
        outputs: Sequence[str],
        *,
        policy: Policy,
        cost: Cost,
        executor: Executor,
    ) -> None:
        self._runtime = runtime
        self._outputs = tuple(outputs)
        self._inputs = runtime.signature.inputs
        self._policy = policy
        self._cost = cost
        self._executor = executor
        self._queue: deque[Call] = deque()
        self._queued_rows = 0
        self._wake: asyncio.Handle | None = None  # the flush that is due
        self._busy = False  # a batch is in the executor

    def submit(self, call: Call) -> None:
        """Queue validated rows. Raises Overloaded when they do not fit behind those waiting."""
        policy, weight = self._policy, self._weight(call)
        if self._queue and self._queued_rows + weight > policy.max_queue_rows:
            self._forget_cancelled()
            if self._queue and self._queued_rows + weight > policy.max_queue_rows:
                raise Overloaded
        self._queue.append(call)
        self._queued_rows += weight
        if self._busy:
            return
        if self._wake is None:
            self._schedule()
        elif policy.max_wait_s and self._queued_rows >= policy.max_batch_rows:
            self._wake.cancel()
            self._wake = asyncio.get_running_loop().call_soon(self._flush)

    def _weight(self, call: Call) -> int:
        """The rows a call has waiting for the next batch; a large one is no more than a batch."""
        return min(call.rows - call.taken, self._policy.max_batch_rows)

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
        room, queue = self._policy.max_batch_rows, self._queue
        while queue and room > 0:
            call = queue[0]
            left = call.rows - call.taken
            if not call.cancelled and left > room and batch:
                break
            size = left if call.cancelled else min(left, room)
            if not call.cancelled:
                batch.append(Part(call, call.taken, call.taken + size))
                room -= size
            self._queued_rows -= self._weight(call)
            call.taken += size
            queue.popleft()
            if call.taken < call.rows:
                queue.append(call)
                self._queued_rows += self._weight(call)
                break
        return batch

    def _run_in_executor(self, batch: list[Part]) -> None:
        loop = asyncio.get_running_loop()
        self._busy = True

        def work() -> None:
            shares: list[Share] = [InferenceFailed()] * len(batch)
            try:
                shares = self._run(batch)
            finally:  # also where the model ends the thread: callers wait for an answer
                loop.call_soon_threadsafe(self._back_from_executor, batch, shares)

        try:
            self._executor.submit(work)
        except RuntimeError:  # the process is on its way out
            self._back_from_executor(batch, [InferenceFailed()] * len(batch))

    def _back_from_executor(self, batch: list[Part], shares: list[Share]) -> None:
        self._busy = False
        self._settle(batch, shares)
        if self._queue and self._wake is None:
            self._schedule()

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
        started = perf_counter()
        try:
            outputs = self._runtime.run(self._assemble(batch), self._outputs)
            if any(len(tensor) != rows for tensor in outputs):
                raise ValueError("the model returned another number of rows than it was given")
        except RowsRefused as refused:
            return refused
        except Exception:
            log.exception("a batch of %d rows failed", rows)
            return InferenceFailed()
        self._cost.learn(rows, perf_counter() - started)
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
        """Give every caller its share."""
        for part, share in zip(batch, shares, strict=True):
            self._deliver(part, share)

    def _deliver(self, part: Part, share: Share) -> None:
        call = part.call
        if call.cancelled:
            return
        try:
            if isinstance(share, Exception):
                call.cancelled = True  # the other slices of this call have nobody to go to
                call.deliver(share)
            elif part.rows == call.rows:
                call.deliver(share)
            else:
                call.parts.append(share)
                if part.stop == call.rows:
                    call.deliver(joined(call.parts))
        except Exception:
            log.exception("an answer could not be delivered")

    def _forget_cancelled(self) -> None:
        """Give the places of callers that are gone to those who come."""
        self._queue = deque(call for call in self._queue if not call.cancelled)
        self._queued_rows = sum(map(self._weight, self._queue))
