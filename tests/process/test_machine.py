"""The machine's load: since the last look, whichever thread that was."""

import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Barrier

import psutil
import pytest

from mlapi.machine import MachineCollector, Processors, Spent, spent

THREADS = 4


class Machine:
    """Its counters go on by 30 seconds of work and 10 of rest each time that somebody looks."""

    def __init__(self) -> None:
        self.now = Spent(busy=0.0, idle=1000.0)

    def __call__(self) -> Spent:
        self.now = Spent(self.now.busy + 30.0, self.now.idle + 10.0)
        return self.now


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(THREADS) as several:
        yield several


def test_no_thread_begins_anew(threads: ThreadPoolExecutor) -> None:
    processors, together = Processors(Machine()), Barrier(THREADS)

    def look() -> float:
        together.wait(30)  # so that each thread has one
        return processors.percent()

    looks: list[Future[float]] = [threads.submit(look) for _ in range(THREADS)]
    assert [look.result(30) for look in looks] == [75.0] * THREADS


def test_a_look_too_soon_sees_what_the_last_one_saw() -> None:
    seen = [Spent(0, 0), Spent(3, 1), Spent(3.01, 1.01), Spent(3.02, 1.98)]
    processors = Processors(lambda: seen.pop(0))
    assert [processors.percent() for _ in range(2)] == [75.0, 75.0]
    assert processors.percent() == pytest.approx(2.0), "what came meanwhile is not lost"


def test_before_there_is_anything_to_tell_it_is_the_load_since_the_machine_started() -> None:
    assert Processors(lambda: Spent(30, 10)).percent() == 75.0
    assert Processors(lambda: Spent(0, 0)).percent() == 0.0, "a kernel that tells nothing"


def test_counters_that_go_back_are_no_load_below_nothing() -> None:
    seen = [Spent(50, 50), Spent(40, 60)]
    assert Processors(lambda: seen.pop(0)).percent() == 0.0


def test_time_of_the_machine_is_what_the_kernel_says() -> None:
    before, now, after = psutil.cpu_times(), spent(), psutil.cpu_times()
    assert before.idle + before.iowait <= now.idle <= after.idle + after.iowait
    assert before.user + before.system <= now.busy <= sum(after)


def test_scrapes_from_fresh_threads_see_a_busy_machine(threads: ThreadPoolExecutor) -> None:
    collector = MachineCollector()
    end = time.process_time() + 0.5
    while time.process_time() < end:
        pass
    together = Barrier(THREADS)

    def scraped() -> float:
        together.wait(30)
        (load,) = (f for f in collector.collect() if f.name == "system_cpu_percent")
        return load.samples[0].value

    loads = [each.result(30) for each in [threads.submit(scraped) for _ in range(THREADS)]]
    assert all(0 < load <= 100 for load in loads), loads
