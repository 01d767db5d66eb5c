"""A job's page for its owner, who need not be one of those who may see all jobs."""

import re

import pytest
from django.contrib.auth.models import User
from django.test import Client

from jobs.models import Job
from tests.jobs_surface.rows import CREATED, failed, job_of, person, signed_in

pytestmark = [pytest.mark.django_db, pytest.mark.database]
LIST = "/admin/jobs/job/"


@pytest.fixture
def ann() -> User:
    return person("ann")


@pytest.fixture
def client(ann: User) -> Client:
    return signed_in(ann)


def test_it_opens_without_a_way_back_to_the_list_which_is_closed(client: Client, ann: User) -> None:
    answer = client.get(f"{LIST}{failed(ann).pk}/change/")

    html = answer.content.decode()
    assert answer.status_code == 200
    assert "expected 4 values" in html
    assert "secret.py" not in html
    assert "Go back" not in html
    viewer = signed_in(person("vic", "view_job"))
    assert "Go back" in viewer.get(f"{LIST}{Job.objects.get().pk}/change/").content.decode()


def test_its_buttons_work(client: Client, ann: User) -> None:
    job = job_of(ann)
    cancelled = client.post(f"{LIST}{job.pk}/cancel/", follow=True)
    assert cancelled.status_code == 200
    retried = client.post(f"{LIST}{job.pk}/retry/", follow=True)
    assert retried.status_code == 200
    assert [new.owner for new in Job.objects.filter(parent=job)] == [ann]


def test_other_jobs_and_the_list_stay_closed(client: Client) -> None:
    for theirs in (failed(person("bob")), failed(None)):
        assert client.get(f"{LIST}{theirs.pk}/change/").status_code == 403
        assert client.post(f"{LIST}{theirs.pk}/retry/").status_code == 403
    assert client.get(LIST).status_code == 403


def test_a_job_that_waits_once_more_shows_nothing_of_the_run_that_was_lost(
    client: Client, ann: User
) -> None:
    counted = {"progress_done": 3, "progress_total": 7, "progress_stage": "fit"}
    job = job_of(ann, started_at=CREATED, attempt=1, **counted)

    html = client.get(f"{LIST}{job.pk}/change/").content.decode()

    shown = dict(re.findall(r'data-show="(\w+)">([^<]*)<', html))
    assert shown["ran"] == "–"  # noqa: RUF001
    assert shown["waited"].endswith("min")
    assert "3 of 7" not in html
    assert 'value="3"' not in html
