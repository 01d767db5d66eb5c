"""Followers: a thread that keeps memory in step with a source that may fail."""

import threading
from collections.abc import Iterator

import pytest

from predictions.following import Follower


class Source:
    """Counts how often it was read; fails while told to."""

    def __init__(self) -> None:
        self.reads = 0
        self.failing = False
        self.changed = threading.Condition()

    def read(self) -> None:
        with self.changed:
            self.reads += 1
            self.changed.notify_all()
        if self.failing:
            raise ConnectionError("no answer")

    def wait_for_reads(self, count: int) -> bool:
        with self.changed:
            return self.changed.wait_for(lambda: self.reads >= count, timeout=30)


@pytest.fixture
def source() -> Source:
    return Source()


@pytest.fixture
def patient(source: Source) -> Iterator[Follower]:
    """Reads by itself once an hour."""
    follower = Follower("test", source.read, interval_s=3600)
    yield follower
    follower.stop()


def test_it_reads_again_and_again(source: Source) -> None:
    follower = Follower("test", source.read, interval_s=0.001)
    follower.start()
    assert source.wait_for_reads(3)
    follower.stop()


def test_somebody_who_asks_need_not_wait_for_the_interval(
    source: Source, patient: Follower
) -> None:
    patient.start()
    assert source.wait_for_reads(1)
    assert patient.wait_for_read(30)
    assert source.reads >= 2


def test_many_who_ask_at_once_share_a_read(source: Source, patient: Follower) -> None:
    patient.start()
    assert source.wait_for_reads(1)
    told = threading.Semaphore(0)
    for _ in range(100):
        patient.after_next_read(told.release)
    assert all(told.acquire(timeout=30) for _ in range(100))
    assert source.reads <= 20


def test_a_failing_source_is_told_kept_after_and_recovered_from(
    source: Source, patient: Follower
) -> None:
    source.failing = True
    assert patient.wait_for_read(30)
    assert patient.fault == "ConnectionError: no answer"
    assert not patient.has_read
    source.failing = False
    assert patient.wait_for_read(30)
    assert patient.fault is None
    assert patient.has_read
    source.failing = True
    assert patient.wait_for_read(30)
    assert patient.fault is not None
    assert patient.has_read


def test_what_would_end_the_thread_is_a_fault_like_any_other(source: Source) -> None:
    def read() -> None:
        source.read()
        if source.reads == 1:
            raise SystemExit("a model's last word")

    follower = Follower("test", read, interval_s=0.01)
    assert follower.wait_for_read(30)
    assert follower.wait_for_read(30)
    assert follower.fault is None
    assert follower.has_read
    follower.stop()


def test_a_listener_that_is_gone_does_not_end_the_thread(patient: Follower) -> None:
    def gone() -> None:
        raise RuntimeError("Event loop is closed")

    patient.after_next_read(gone)
    assert patient.wait_for_read(30)


def test_starting_twice_is_starting_once_and_a_stopped_one_can_start_again(
    source: Source, patient: Follower
) -> None:
    patient.start()
    patient.start()
    assert [t.name for t in threading.enumerate()].count("test") == 1
    patient.stop()
    assert "test" not in [t.name for t in threading.enumerate()]
    assert patient.wait_for_read(30)
