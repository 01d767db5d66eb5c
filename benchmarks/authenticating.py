"""What a key that is known costs a request of the lane: a thread's own nanoseconds on one CPU."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from statistics import median
from time import thread_time_ns

from mlapi.auth import authenticate_on_loop
from modelregistry.audience import Caller

ROUNDS, TIMES = 15, 20_000
PROMISED_NS = 1_000
CLIENT = ("127.0.0.1", 50_000)


def cost_of(header: bytes) -> float:
    """Of the very call that the lane makes, without the loop around it. Linux."""

    def known(outcome: Caller | Exception) -> None:
        if isinstance(outcome, Exception):
            raise outcome

    with on_one_cpu():
        return median(
            (_spent(lambda: authenticate_on_loop(header, CLIENT, known)) - _spent(_nothing)) / TIMES
            for _ in range(ROUNDS)
        )


@contextmanager
def on_one_cpu() -> Iterator[None]:
    usual = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(usual)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, usual)


def _spent(action: Callable[[], object]) -> int:
    started = thread_time_ns()
    for _ in range(TIMES):
        action()
    return thread_time_ns() - started


def _nothing() -> None:
    pass
