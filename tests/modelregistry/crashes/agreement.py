"""What holds at every moment of the registry, and what whoever comes after a crash puts right."""

from datetime import timedelta
from pathlib import Path

import pytest
from django.conf import settings
from django.db import connection
from django.utils import timezone

from jobs import dispatch, states
from jobs import services as jobs
from jobs.models import Job
from modelregistry import services
from modelregistry.ingestion import scratch
from modelregistry.models import Alias, AliasChange, ModelVersion
from modelregistry.models.version import UNDER_WAY
from tests.crashing import Broker
from tests.jobs.rows import lose
from tests.modelregistry.crashes.operations import newest_job, run_job
from tests.modelregistry.test_history import check_chain


def check_agreement(name: str) -> None:
    """Rows with files, the alias with its history, every version with somebody who works on it."""
    assert not connection.in_atomic_block
    for sha256 in ModelVersion.objects.filter(model__name=name).files():
        services.store().read(sha256)  # raises where it is gone or altered
    lines = list(AliasChange.objects.filter(model__name=name, alias="champion").order_by("pk"))
    if lines:
        check_chain(lines)
    champion = Alias.objects.filter(model__name=name, name="champion").first()
    assert (champion and champion.version_id) == (lines[-1].version_id if lines else None)
    for version in ModelVersion.objects.filter(model__name=name, state__in=UNDER_WAY):
        checks = Job.objects.filter(subject_id=str(version.pk))
        assert checks.filter(state__in=(states.QUEUED, states.RUNNING)).exists()


def look_after(broker: Broker) -> None:
    """Dispatch comes by when leases have run out and messages would have arrived."""
    for job in Job.objects.filter(state=states.RUNNING):
        lose(job)
    later = timezone.now() + timedelta(minutes=1)
    with broker.answering(), pytest.MonkeyPatch.context() as patch:
        patch.setattr(dispatch, "ids_in_queue", lambda: set(broker.sent))
        dispatch.rescue_orphans(timezone.now())
        dispatch.publish_waiting(later)
        dispatch.publish_lost(later)
    waiting = Job.objects.filter(state=states.QUEUED).values_list("pk", flat=True)
    assert {str(job_id) for job_id in waiting} <= set(broker.sent)


def work_off(name: str) -> None:
    """Workers take what is queued; a person tries again what has failed."""
    for _ in range(5):
        job = newest_job(name)
        if job.state == states.SUCCEEDED:
            return
        if job.is_terminal:
            jobs.retry(job=job, actor=None)
        run_job(name)
    raise AssertionError(f"the job of {name} is {newest_job(name).state}")


def tidy_up() -> None:
    """A day later: what killed processes have left is collected and swept."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(scratch, "LEFT_BEHIND_S", -1.0)
        services.collect(put_before=timezone.now(), step=lambda *_: None)
        with scratch.folder_under(settings.INTAKE_DIR):
            pass
    assert list(services.store().drafts()) == []
    assert list(Path(settings.INTAKE_DIR).iterdir()) == []
