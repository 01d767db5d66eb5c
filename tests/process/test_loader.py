"""A version that many wait for is loaded once, and all of them are told."""

import threading
from queue import SimpleQueue

import pytest

from predictions.loading import MOST_WAITING, Loader
from predictions.serving.engine import Loaded
from predictions.serving.errors import NotReady, Overloaded, ServingError, UnknownModel
from tests.lane.house import loaded
from tests.serving.models import Doubling

PATIENCE_S = 60


class Slow:
    """Loads when it is told to."""

    def __init__(self, outcome: Loaded | Exception) -> None:
        self.outcome = outcome
        self.begun = threading.Semaphore(0)
        self.go_on = threading.Semaphore(0)
        self.loads = 0

    def __call__(self, address: str) -> Loaded:
        self.loads += 1
        self.begun.release()
        assert self.go_on.acquire(timeout=PATIENCE_S)
        if isinstance(self.outcome, Exception):
            raise self.outcome
        return self.outcome


def test_those_who_wait_for_the_same_version_wait_for_one_load() -> None:
    version = loaded(Doubling())
    slow, told = Slow(version), SimpleQueue[Loaded | ServingError]()
    loader = Loader(slow)
    for _ in range(50):
        loader.fetch("m/versions/2", told.put)
    slow.go_on.release()
    assert [told.get(timeout=PATIENCE_S) for _ in range(50)] == [version] * 50
    assert slow.loads == 1
    loader.fetch("m/versions/2", told.put)
    slow.go_on.release()
    assert told.get(timeout=PATIENCE_S) is version
    assert slow.loads == 2


@pytest.mark.parametrize(
    ("fault", "heard"),
    [(UnknownModel(), UnknownModel), (NotReady(), NotReady), (KeyError("x"), NotReady)],
)
def test_what_is_wrong_is_told(fault: Exception, heard: type[ServingError]) -> None:
    slow, told = Slow(fault), SimpleQueue[Loaded | ServingError]()
    slow.go_on.release()
    Loader(slow).fetch("m/versions/2", told.put)
    assert isinstance(told.get(timeout=PATIENCE_S), heard)


def test_too_many_that_wait_are_refused_at_once() -> None:
    slow, told, refused = Slow(NotReady()), SimpleQueue[object](), SimpleQueue[object]()
    loader = Loader(slow)
    for _ in range(MOST_WAITING):
        loader.fetch("m/versions/2", told.put)
    loader.fetch("m/versions/2", refused.put)
    assert isinstance(refused.get_nowait(), Overloaded)
    slow.go_on.release()
    assert all(isinstance(told.get(timeout=PATIENCE_S), NotReady) for _ in range(MOST_WAITING))


def test_one_listener_that_is_gone_keeps_the_news_from_nobody() -> None:
    slow, told = Slow(NotReady()), SimpleQueue[object]()

    def gone(outcome: object) -> None:
        raise RuntimeError("Event loop is closed")

    loader = Loader(slow)
    loader.fetch("m/versions/2", gone)
    loader.fetch("m/versions/2", told.put)
    slow.go_on.release()
    assert isinstance(told.get(timeout=PATIENCE_S), NotReady)
