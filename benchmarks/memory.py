"""How much memory the web processes of a stack hold, and what they have gained. Linux.

Judged is what a process has for itself alone (USS): resident pages of libraries come and go with
the other processes that map them.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import TypeAlias

import psutil

from tests.running import Stack

MB = 1_000_000
MOST_GAINED = 2 * MB
AVERAGED_S = 60.0  # a figure is the median of a minute's samples


@dataclass(frozen=True, slots=True)
class Sample:
    """Bytes of one process at a moment, seconds of the monotonic clock."""

    at: float
    own: int
    resident: int


History: TypeAlias = Mapping[int, Sequence[Sample]]  # by process id


def web_workers(stack: Stack) -> list[psutil.Process]:
    """The processes that answer requests, of a stack that has several."""
    web = stack.child("mlapi.asgi:application")
    return [child for child in web.children() if "spawn_main" in " ".join(child.cmdline())]


class Watch:
    """Samples of the web processes that there were when it began; raises where one has ended."""

    def __init__(self, stack: Stack) -> None:
        self._processes = web_workers(stack)
        self.history: dict[int, list[Sample]] = {each.pid: [] for each in self._processes}

    def look(self) -> None:
        for process in self._processes:
            used = process.memory_full_info()
            self.history[process.pid].append(Sample(time.monotonic(), used.uss, used.rss))


@dataclass(frozen=True, slots=True, kw_only=True)
class Gain:
    """Bytes of a process in the first and in the last minute of a while."""

    pid: int
    own: tuple[float, float]
    resident: tuple[float, float]

    @property
    def gained(self) -> float:
        return self.own[1] - self.own[0]

    def __str__(self) -> str:
        (own, own_now), (resident, resident_now) = self.own, self.resident
        return (
            f"process {self.pid}: own {own / MB:.2f} -> {own_now / MB:.2f} MB "
            f"({self.gained / MB:+.2f}), resident {resident / MB:.2f} -> {resident_now / MB:.2f} "
            f"({(resident_now - resident) / MB:+.2f})"
        )


def gains(history: History, *, since: float) -> list[Gain]:
    """What each process has gained since then."""
    return [_gain(pid, [s for s in samples if s.at >= since]) for pid, samples in history.items()]


def _gain(pid: int, samples: Sequence[Sample]) -> Gain:
    averaged_s = min(AVERAGED_S, (samples[-1].at - samples[0].at) / 3)
    first = [s for s in samples if s.at <= samples[0].at + averaged_s]
    last = [s for s in samples if s.at >= samples[-1].at - averaged_s]
    return Gain(
        pid=pid,
        own=(median(s.own for s in first), median(s.own for s in last)),
        resident=(median(s.resident for s in first), median(s.resident for s in last)),
    )
