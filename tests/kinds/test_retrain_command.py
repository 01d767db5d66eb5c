"""manage.py retrain_model starts a job and prints its id alone."""

from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from jobs.models import Job
from tests.modelregistry.trained import tree_version

pytestmark = [pytest.mark.django_db, pytest.mark.database]


def test_the_id_of_the_job_is_printed() -> None:
    tree_version()
    printed = StringIO()
    call_command("retrain_model", "plants", stdout=printed)
    job = Job.objects.get()
    assert printed.getvalue() == f"{job.pk}\n"
    assert (job.kind, job.origin, job.subject_label) == ("retrain_model_task", "command", "plants")


def test_an_unknown_model_ends_in_one_line() -> None:
    with pytest.raises(CommandError, match=r"^There is no model of this name\.$"):
        call_command("retrain_model", "nobody")
    assert not Job.objects.exists()
