"""A retraining that ends before its version is complete leaves no version behind."""

import uuid
from typing import Any

import pytest
from django.utils import timezone

from jobs import execution
from jobs import services as jobs
from jobs.dispatch import rescue_orphans
from jobs.kinds import find
from jobs.models import Job
from modelregistry import retraining
from modelregistry.models import RETRAIN, ModelVersion
from modelregistry.tasks import CONVERT_STEPS, Steps
from tests.jobs.rows import lose, queued, running
from tests.modelregistry.trained import tree_version
from tests.running import until

pytestmark = [pytest.mark.database, pytest.mark.django_db(transaction=True)]
PLANTS = {"model": "plants"}


def numbers() -> list[int]:
    return sorted(ModelVersion.objects.values_list("number", flat=True))


def test_cancelled_after_its_version_was_registered(monkeypatch: pytest.MonkeyPatch) -> None:
    tree_version()
    job, register = queued(RETRAIN, params=PLANTS), retraining._register

    def register_and_cancel(*args: Any) -> ModelVersion:
        version = register(*args)
        assert version.state == "converting"
        jobs.cancel(job=Job.objects.find(job.pk), actor=None)
        until(lambda: job.cancel_requested_at, 60, "the heartbeat to see the wish")
        return version

    monkeypatch.setattr(retraining, "_register", register_and_cancel)
    assert execution.run(job, find(RETRAIN), worker="here:1")
    assert (job.state, numbers()) == ("cancelled", [1])


def registered_by(job: Job) -> ModelVersion:
    """As it stands before it is converted."""
    version = retraining.retrain(
        job_id=job.pk, model_name="plants", lesson=None, actor=None, step=lambda name: None
    ).version
    ModelVersion.objects.filter(pk=version.pk).update(
        state="converting", runtime="sklearn", onnx_sha256="", onnx_size=None
    )
    return version


def test_dead_because_it_killed_its_workers() -> None:
    tree_version()
    job = running(RETRAIN, params=PLANTS, attempt=2)
    registered_by(job)
    lose(job)
    rescue_orphans(timezone.now())
    assert (Job.objects.find(job.pk).state, numbers()) == ("dead", [1])


def test_what_the_next_attempt_goes_on_with_stays() -> None:
    tree_version()
    job = running(RETRAIN, params=PLANTS)
    registered_by(job)
    lose(job)
    rescue_orphans(timezone.now())
    assert (Job.objects.find(job.pk).state, numbers()) == ("queued", [1, 2])
    jobs.cancel(job=job, actor=None)
    assert numbers() == [1]


def test_the_number_of_a_version_that_was_taken_back_is_given_to_no_other() -> None:
    tree_version()
    job = running(RETRAIN, params=PLANTS)
    taken_back = registered_by(job)
    jobs.cancel(job=job, actor=None)
    retraining.take_back(job.pk)
    assert numbers() == [1]
    assert tree_version().number == taken_back.number + 1 == 3


def test_a_version_that_is_complete_stays() -> None:
    first = tree_version()
    job = queued(RETRAIN, params=PLANTS)
    assert execution.run(job, find(RETRAIN), worker="here:1")
    retraining.take_back(job.pk)
    retraining.take_back(uuid.uuid4())
    assert (job.state, first.number, numbers()) == ("succeeded", 1, [1, 2])


class Told:
    """Stands for a job at work: what it was told, in order."""

    job_id, attempt, owner_id = uuid.uuid4(), 1, None

    def __init__(self) -> None:
        self.places: list[tuple[int, str]] = []
        self.lines: list[str] = []

    def progress(self, done: int, total: int, stage: str = "") -> None:
        self.places.append((done, stage))

    def log(self, message: str, level: str = "info") -> None:
        self.lines.append(message)


def test_progress_never_goes_back_when_conversion_tries_again() -> None:
    work = Told()
    step = Steps(work, CONVERT_STEPS)
    for name in ("load", "convert", "prove", "convert", "prove"):
        step(name)
    assert work.places == [(0, "load"), (1, "convert")] + [(2, "prove")] * 3
    assert [line.split(": ")[1] for line in work.lines] == ["load.", "convert.", "prove."]
