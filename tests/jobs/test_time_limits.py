"""The soft time limit is heard by handlers alone; no message outlives its patience."""

import os
import signal
from collections.abc import Iterator
from typing import Any

import pytest
from billiard.pool import soft_timeout_sighandler
from django.conf import settings

from jobs import execution
from jobs.kinds import all_kinds, find
from jobs.models import Job
from jobs.tasks import JobTask
from tests.jobs.rows import queued

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("test_kinds"),
]


@pytest.fixture(autouse=True)
def limited() -> Iterator[None]:
    """As a child of the pool hears its limit."""
    before = signal.signal(signal.SIGUSR1, soft_timeout_sighandler)
    yield
    signal.signal(signal.SIGUSR1, before)


def reach_the_limit() -> None:
    os.kill(os.getpid(), signal.SIGUSR1)


def run(job: Job) -> Job:
    assert execution.run(job, find(job.kind), worker="here:1")
    return Job.objects.find(job.pk)


def test_a_limit_that_is_reached_while_the_outcome_is_written_changes_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    finish = execution.finish

    def late(*args: Any) -> bool:
        reach_the_limit()
        return finish(*args)

    monkeypatch.setattr(execution, "finish", late)
    assert run(queued()).state == "succeeded"


def test_the_next_job_of_the_same_child_has_its_limit() -> None:
    run(queued())
    reached = execution.handle(find("limit_task"), None, {})  # type: ignore[arg-type]
    assert (reached.state, reached.code) == ("failed", "time_limit")


def test_no_message_is_given_to_another_worker_while_its_job_may_run() -> None:
    longest = max(JobTask(kind).time_limit for kind in all_kinds())
    assert settings.CELERY_BROKER_TRANSPORT_OPTIONS["visibility_timeout"] >= 2 * longest
