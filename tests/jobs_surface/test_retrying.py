"""A retry needs the permission of the kind, and is done in the name of whoever asks for it."""

from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from django.test import Client

from jobs import services
from jobs.errors import NotAllowed
from jobs.models import Job
from tests.jobs_surface.rows import failed, person, signed_in
from tests.modelregistry.trained import tree_version

pytestmark = [pytest.mark.django_db, pytest.mark.database]
KEEPER = ("view_job", "cancel_job")  # may cancel and retry anybody's


@pytest.fixture
def failed_load_test() -> Job:
    tree_version()
    params = {"model": "plants", "requests": 1, "concurrency": 1, "rows": 1}
    return failed(person("bob"), kind="load_test_task", params=params)


def press_retry(client: Client, job: Job) -> int:
    return client.post(f"/admin/jobs/job/{job.pk}/retry/").status_code


def select_and_retry(client: Client, job: Job) -> int:
    chosen = {"action": "retry_selected", "_selected_action": [job.pk]}
    return client.post("/admin/jobs/job/", chosen).status_code


def ask_for_retry(client: Client, job: Job) -> int:
    return client.post(f"/api/v1/jobs/{job.pk}/retry/").status_code


Door = Callable[[Client, Job], int]
DOORS = pytest.mark.parametrize("door", [press_retry, select_and_retry, ask_for_retry])


@DOORS
def test_a_retry_needs_the_kinds_permission_at_every_door(
    door: Door, failed_load_test: Job
) -> None:
    door(signed_in(person("kim", *KEEPER)), failed_load_test)
    assert not Job.objects.filter(parent=failed_load_test).exists()


@DOORS
def test_a_retried_job_is_whose_wish_it_was(door: Door, failed_load_test: Job) -> None:
    kim = person("kim", *KEEPER, "loadtest_registeredmodel")
    door(signed_in(kim), failed_load_test)
    assert Job.objects.get(parent=failed_load_test).owner == kim


def test_a_refused_retry_is_403_and_says_so_in_the_admin(failed_load_test: Job) -> None:
    kim = signed_in(person("kim", *KEEPER))
    assert ask_for_retry(kim, failed_load_test) == 403
    page = kim.post(f"/admin/jobs/job/{failed_load_test.pk}/retry/", follow=True)
    assert "You may not start jobs of this kind." in page.content.decode()


def test_the_operators_retry_stays_whose_it_was(failed_load_test: Job) -> None:
    again = services.retry(job=failed_load_test, actor=None)
    assert (again.owner, again.parent) == (failed_load_test.owner, failed_load_test)


def test_an_owner_who_lost_the_permission_does_not_start_it_again(failed_load_test: Job) -> None:
    bob = User.objects.get(username="bob")
    with pytest.raises(NotAllowed):
        services.retry(job=failed_load_test, actor=bob)
