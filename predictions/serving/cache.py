"""Answers that are kept: rows that a version has answered lately are not run again.

A key says which version, which outputs and which rows; versions never change, so an answer is true
as long as it is kept. Callers who ask for the same while it runs share that run. One event loop
owns a cache.
"""

import struct
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from hashlib import blake2b
from itertools import islice
from time import monotonic
from typing import Final, NamedTuple, TypeAlias

from modelregistry.formats.signature import Signature, Tensor
from predictions.serving.calls import Answer, Call, Deliver, Inputs, Results, Share, deliver

ENTRY_BYTES: Final = 1000  # what an entry takes beside its values
VALUE_BYTES: Final = 40  # a value once it is Python's, and its place in a list
LOOKED_AT: Final = 8  # whenever an answer is kept: all at once would stop the loop
LARGEST_PART: Final = 8  # an answer larger than this part of the whole is not kept
MISSING: Final = b"-"
Submit: TypeAlias = Callable[[Call], None]  # delivers on a later turn of the loop, or raises


class Key(NamedTuple):
    """`version` tells artifacts apart, `rows` is what `digest_of` gives."""

    version: str
    outputs: tuple[str, ...]
    rows: bytes


@dataclass(frozen=True, slots=True)
class Kept:
    answer: Answer
    size_bytes: int
    until: float


class Flight:
    """One run, and the calls that wait for it. Cancelled once all of them are: then nothing lands,
    and `given_up` is called.
    """

    __slots__ = ("_given_up", "_run", "calls")

    def __init__(self, given_up: "Callable[[Flight], None]") -> None:
        self._given_up = given_up
        self._run: Call | None = None
        self.calls: list[Call] = []

    def start(self, first: Call, land: Deliver, submit: Submit) -> None:
        """Raises what `submit` raises, and then knows of no run."""
        run = Call(first.inputs, first.rows, land, deadline=first.deadline)
        submit(run)
        self._run = run

    def takes(self, now: float) -> bool:
        """Not where all have left, nor where its time is over: the batcher may have seen that."""
        return self._run is not None and self._run.deadline > now

    def join(self, call: Call, now: float) -> None:
        """The run is wanted until the last of its callers' deadlines."""
        assert self._run is not None
        self._run.deadline = max(self._run.deadline, call.deadline)
        self.calls.append(call)
        call.wait(self._leave, now)

    def land(self) -> list[Call]:
        """Those who wait for what it came to. It lets go of them and of the run, and they need not
        leave: a circle would keep all their rows until the next collection.
        """
        calls, self.calls, self._run = self.calls, [], None
        for call in calls:
            call.arrive()
        return calls

    def _leave(self, call: Call) -> None:
        self.calls.remove(call)
        if not self.calls and self._run is not None:
            run, self._run = self._run, None
            run.cancel()
            self._given_up(self)


class Cache:
    """Keeps at most `most_bytes` of answers, in memory; what was asked longest ago goes first.

    `clock` gives the seconds that deadlines are in.
    """

    def __init__(self, most_bytes: int, *, clock: Callable[[], float] = monotonic) -> None:
        self._most_bytes = most_bytes
        self._clock = clock
        self._kept: OrderedDict[Key, Kept] = OrderedDict()
        self._flights: dict[Key, Flight] = {}
        self.size_bytes = 0

    def _find(self, key: Key) -> Answer | None:
        """The answer that is kept, if its time is not over."""
        kept = self._kept.get(key)
        if kept is None:
            return None
        if kept.until <= self._clock():
            self._drop(key)
            return None
        self._kept.move_to_end(key)
        return kept.answer

    def submit(self, key: Key, call: Call, ttl_s: float, submit: Submit) -> bool:
        """Deliver what is kept, or what the run under way for `key` comes to, or `submit` one
        whose answer is kept for `ttl_s` seconds. Raises what `submit` raises.

        Whether it needs no run of its own.
        """
        kept = self._find(key)
        if kept is not None:
            call.deliver(kept)
            return True
        now, flight = self._clock(), self._flights.get(key)
        shared = flight is not None and flight.takes(now)
        if flight is None or not shared:
            flight = Flight(partial(self._forget, key))
            flight.start(call, partial(self._land, key, flight, ttl_s), submit)
            self._flights[key] = flight
        flight.join(call, now)
        return shared

    def _forget(self, key: Key, flight: Flight) -> None:
        """Nobody is put on that run any more."""
        if self._flights.get(key) is flight:
            del self._flights[key]

    def _land(self, key: Key, flight: Flight, ttl_s: float, outcome: Share) -> None:
        self._forget(key, flight)
        for call in flight.land():
            if not call.cancelled:  # the answer to another may have made it leave
                deliver(call, outcome)
        if isinstance(outcome, Answer):
            self._keep(key, outcome, self._clock() + ttl_s)

    def _keep(self, key: Key, answer: Answer, until: float) -> None:
        own = _alone(answer)
        size = _size_of(own.results.tensors)
        if size * LARGEST_PART > self._most_bytes:
            return
        self._drop(key)
        self._kept[key] = Kept(own, size, until)
        self.size_bytes += size
        self._make_room()

    def _make_room(self) -> None:
        """And of what was asked longest ago, a few go whose time is over."""
        while self.size_bytes > self._most_bytes:
            self._drop(next(iter(self._kept)))
        now = self._clock()
        oldest = list(islice(self._kept.items(), LOOKED_AT))
        for key, kept in oldest:
            if kept.until <= now:
                self._drop(key)

    def _drop(self, key: Key) -> None:
        gone = self._kept.pop(key, None)
        if gone is not None:
            self.size_bytes -= gone.size_bytes


def _alone(answer: Answer) -> Answer:
    """The caller's rows without the batch that they ran in."""
    count = range(len(answer.results.tensors))
    tensors = [answer.tensor(index).copy() for index in count]
    return Answer(Results(tensors), 0, answer.stop - answer.start, answer.batch_rows)


def _size_of(tensors: Sequence[Tensor]) -> int:
    """Bytes of memory, roughly: of tensors and of the Python values that are made of them."""
    values = sum(t.nbytes + VALUE_BYTES * t.size for t in tensors)
    texts = sum(len(str(value)) for t in tensors if t.dtype.hasobject for value in t.flat)
    return ENTRY_BYTES + values + texts


def digest_of(signature: Signature, inputs: Inputs, rows: int) -> bytes:
    """The same for the same tensors, however their JSON was spelt; 32 bytes."""
    digest = blake2b(struct.pack("<Q", rows), digest_size=32)
    for spec in signature.inputs:
        tensor = spec.tensor(inputs[spec.name])
        if tensor.dtype.hasobject:
            for value in tensor.flat:
                digest.update(_text_of(value))
        else:
            digest.update(tensor.tobytes())
    return digest.digest()


def _text_of(value: object) -> bytes:
    """With its length before it: two texts never look like two others."""
    if not isinstance(value, str):
        return MISSING
    text = value.encode("utf-8", "surrogatepass")
    return b"%d:%b" % (len(text), text)
