"""Jobs in the admin for staff who may not see all: their own, and nobody else's."""

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


def test_ones_own_job_has_its_page_and_whatever_that_leads_to(client: Client, ann: User) -> None:
    answer = client.get(f"{LIST}{failed(ann).pk}/change/")

    html = answer.content.decode()
    assert answer.status_code == 200
    assert "expected 4 values" in html
    assert "secret.py" not in html
    assert LIST in re.findall(r'href="(.*?)"', html)
    assert client.get(LIST).status_code == 200


def test_the_list_has_ones_own_jobs_and_names_nobody_else(client: Client, ann: User) -> None:
    mine, theirs, nobodys = job_of(ann), failed(person("bob")), failed(None)

    html = client.get(LIST).content.decode()

    assert f'data-job="{mine.pk}"' in html
    assert not any(str(job.pk) in html for job in (theirs, nobodys))
    assert "owner=ann" in html
    assert "owner=bob" not in html


def test_its_buttons_work(client: Client, ann: User) -> None:
    job = job_of(ann)
    cancelled = client.post(f"{LIST}{job.pk}/cancel/", follow=True)
    assert cancelled.status_code == 200
    retried = client.post(f"{LIST}{job.pk}/retry/", follow=True)
    assert retried.status_code == 200
    assert [new.owner for new in Job.objects.filter(parent=job)] == [ann]


def test_other_jobs_stay_closed(client: Client) -> None:
    for theirs in (failed(person("bob")), failed(None)):
        page = client.get(f"{LIST}{theirs.pk}/change/")
        assert (page.status_code, page.headers["location"]) == (302, "/admin/")
        assert client.post(f"{LIST}{theirs.pk}/retry/").status_code == 404
        chosen = {"action": "retry_selected", "_selected_action": [theirs.pk]}
        client.post(LIST, chosen)
        assert not Job.objects.filter(parent=theirs).exists()


def test_those_who_are_not_staff_see_none_at_all() -> None:
    wil = person("wil", staff=False)
    answer = signed_in(wil).get(f"{LIST}{job_of(wil).pk}/change/")
    assert (answer.status_code, answer.headers["location"][:13]) == (302, "/admin/login/")


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
