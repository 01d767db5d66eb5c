"""?ids= on the list of jobs: those jobs as they are now, as far as one may see them."""

import pytest
from django.test import Client

from jobs.filters import MOST_IDS
from jobs.models import Job
from tests.jobs_surface.rows import finished, job_of, person, signed_in

pytestmark = [pytest.mark.django_db, pytest.mark.database]
JOBS = "/api/v1/jobs/"


def states(client: Client, *jobs: Job, query: str = "") -> list[str]:
    ids = ",".join(str(job.pk) for job in jobs)
    answer = client.get(f"{JOBS}?ids={ids}{query}")
    assert answer.status_code == 200, answer.content
    return [job["state"] for job in answer.json()["results"]]


def test_the_asked_are_answered_whatever_else_there_is() -> None:
    ann = person("ann", "view_job")
    old, ended = job_of(ann), finished(None)
    for _ in range(MOST_IDS):
        job_of(ann)

    assert sorted(states(signed_in(ann), old, ended)) == ["queued", "succeeded"]
    assert states(signed_in(ann), old, ended, query="&state=queued") == ["queued"]


def test_a_whole_page_can_be_asked_at_once() -> None:
    ann = person("ann")
    jobs = [job_of(ann) for _ in range(MOST_IDS)]
    assert len(states(signed_in(ann), *jobs)) == MOST_IDS


def test_other_peoples_jobs_are_not_among_them() -> None:
    mine, theirs = job_of(ann := person("ann")), finished(person("bob"))
    assert states(signed_in(ann), mine, theirs) == ["queued"]


AN_ID = "27ff9805-e85f-401e-97be-266ed46d6520"
NO_IDS = ["x", ",", f"{AN_ID},", ",".join([AN_ID] * (MOST_IDS + 1)), "null", "%00"]


@pytest.mark.parametrize("ids", NO_IDS)
def test_what_are_no_ids_or_too_many_is_400(ids: str) -> None:
    answer = signed_in(person("ann")).get(f"{JOBS}?ids={ids}")
    assert (answer.status_code, answer.json()["code"]) == (400, "malformed")
