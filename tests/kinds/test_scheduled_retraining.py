"""A schedule that staff have made runs in a whole stack: beat, worker, job, version."""

from collections.abc import Iterator

import pytest

from tests.kinds.asking import api, finished
from tests.running import Stack, manage, until

pytestmark = [pytest.mark.stack, pytest.mark.timeout(180)]
MAKE = """
import json
from django.contrib.auth.models import User
from django_celery_beat.models import IntervalSchedule
from jobs.scheduling import OWNER
from modelregistry.models import ScheduledRetraining
second = IntervalSchedule.objects.create(every=1, period="seconds")
ScheduledRetraining.objects.create(
    name="churn, every second", task="retrain_model_task", interval=second,
    kwargs=json.dumps({"model": "churn", "promote_if_better_by": 0.5}),
    headers=json.dumps({OWNER: User.objects.get(username="admin").pk}),
)
"""
STOP = """
from modelregistry.models import ScheduledRetraining
for row in ScheduledRetraining.objects.all():
    row.delete()
"""


@pytest.fixture
def every_second(stack: Stack) -> Iterator[int]:
    """Churn is retrained every second, for one test; nothing of it is left to the next one.

    How long the log was before, which others have written.
    """
    before = len(stack.log)
    made = manage(stack.data_dir, "shell", "-c", MAKE)
    assert made.returncode == 0, made.stderr
    yield before
    manage(stack.data_dir, "shell", "-c", STOP)
    for job_id in scheduled(stack):
        finished(stack, job_id)


def scheduled(stack: Stack) -> list[str]:
    client = api(stack.data_dir, stack.base_url)
    listed = client.get("/jobs/", params={"kind": "retrain_model_task"}).json()["results"]
    return [job["id"] for job in listed if job["origin"] == "schedule"]


def test_a_scheduled_retraining_is_a_job_of_who_saved_it(stack: Stack, every_second: int) -> None:
    until(lambda: scheduled(stack), 60, f"the first run\n{stack.log}")
    ended = finished(stack, scheduled(stack)[-1])
    assert (ended["state"], ended["owner"], ended["subject"]["label"]) == (
        "succeeded", "admin", "churn",
    )  # fmt: skip
    assert ended["result"]["promoted"] is False
    assert "which is not better by 0.5" in ended["result"]["promotion"]
    log = stack.log[every_second:]
    assert "database is locked" not in log
    assert "Warning" not in log
