"""A real beat and a real worker: what is scheduled is done once each time, whatever is killed."""

from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from tests.jobs.house import House, house
from tests.running import until

pytestmark = [pytest.mark.stack, pytest.mark.database, pytest.mark.timeout(600)]


def done(made: House) -> list[dict[str, str]]:
    jobs: list[dict[str, str]] = made.call("scheduled_jobs")
    return [job for job in jobs if job["state"] == "succeeded"]


def test_every_run_is_one_job_with_one_effect_though_beat_is_killed_and_messages_come_thrice(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    effects = tmp_path / "effects"
    effects.mkdir()
    # This test's own folder has too long a name for a socket.
    with house(tmp_path_factory.mktemp("beat")) as made:
        made.start_worker()
        made.start_beat()
        made.call("schedule", task="file_task", params={"folder": str(effects)})
        for more in (2, 4, 6):
            until(lambda most=more: len(done(made)) >= most, 120, f"{more}\n{made.log('beat')}")
            made.kill("beat")
            made.start_beat()
        until(lambda: len(done(made)) >= 8, 120, f"the last runs\n{made.log('beat')}")
        runs = made.call("unschedule")
        until(lambda: len(done(made)) == len(made.call("scheduled_jobs")), 120, "all done")
        jobs = made.call("scheduled_jobs")
        for _ in range(2):
            assert made.call("tell_again", ids=[job["id"] for job in jobs])
        until(lambda: "succeeded" in made.log("worker"), 30, "the worker to go on")
        log = made.log("beat")

    assert 8 <= len(jobs) <= runs
    begun = [datetime.fromisoformat(job["created_at"]) for job in jobs]
    assert min(later - one for one, later in pairwise(begun)) > timedelta(seconds=0.8)
    for job in jobs:
        assert (effects / job["id"]).read_text().splitlines() == ["run 1", "effect"]
    for trouble in ("database is locked", "Warning", "Traceback", "naive"):
        assert trouble not in log, log
