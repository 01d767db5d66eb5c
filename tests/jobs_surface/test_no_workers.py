"""/tasks/active where nobody is there to answer: it gives up in time."""

import json
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
from django.test import Client

from jobs import census
from jobs.views import tutorial
from tests.jobs.house import house
from tests.running import manage

NOBODY = {"active_tasks": {}, "scheduled_tasks": {}}
ASK = """
import json
from django.test import Client
print(json.dumps(Client().get("/tasks/active", headers={"host": "localhost"}).json()))
"""


@pytest.mark.django_db
def test_without_broker_and_workers_nobody_is_named(client: Client) -> None:
    assert client.get("/tasks/active").json() == NOBODY


def test_with_a_broker_that_answers_and_no_workers_nobody_is_named(tmp_path: Path) -> None:
    with house(tmp_path) as made:
        asked = manage(made.data_dir, "shell", "-v0", "-c", ASK, **made.services)
    assert json.loads(asked.stdout) == NOBODY, asked.stderr


@pytest.mark.alone
@pytest.mark.django_db
def test_a_broker_that_accepts_and_never_answers_is_waited_for_less_than_a_second(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    over, waits = threading.Event(), []

    class Watched(threading.Thread):
        def join(self, timeout: float | None = None) -> None:
            assert timeout is not None
            waits.append(timeout)
            super().join(timeout)

    monkeypatch.setattr(census.current_app.control, "broadcast", lambda *_, **__: over.wait(60))
    monkeypatch.setattr(census, "threading", SimpleNamespace(Thread=Watched))
    monkeypatch.setattr(tutorial, "census", census.Census)  # a round of its own
    began = time.monotonic()
    try:
        answer = client.get("/tasks/active")
    finally:
        took = time.monotonic() - began
        over.set()

    assert answer.json() == NOBODY
    assert sum(waits) == pytest.approx(census.BOUND_S, abs=0.1)  # all that it ever waits
    assert census.REPLIES_WITHIN_S < census.BOUND_S < 1.0
    assert took < 5.0
