"""Jobs in the admin, as the server renders them: who sees and does what, filters, search."""

import re

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils.formats import date_format

from jobs.models import Job
from tests.jobs_surface.rows import failed, finished, job_of, person, signed_in

pytestmark = [pytest.mark.django_db, pytest.mark.database]
LIST = "/admin/jobs/job/"


@pytest.fixture
def viewer() -> Client:
    return signed_in(person("vic", "view_job"))


def page(client: Client, path: str) -> str:
    answer = client.get(path)
    assert answer.status_code == 200, path
    return answer.content.decode()


def shown(client: Client, query: str = "") -> set[str]:
    return set(re.findall(r'data-job="([0-9a-f-]{36})"', page(client, f"{LIST}?{query}")))


def test_the_list_says_state_and_times_in_words(viewer: Client) -> None:
    finished(person("ann"), progress_done=4, progress_total=4, progress_stage="fit")

    html = page(viewer, LIST)

    for words in ("Predict one row", "succeeded", "fit, 4 of 4", "2.00 s", "1 min 30 s", "ann"):
        assert words in html


def test_the_list_shows_ids_and_links_to_other_pages_where_there_are_any(viewer: Client) -> None:
    ann = person("ann")
    jobs = [finished(ann) for _ in range(50)]
    full = page(viewer, LIST)
    one = page(viewer, f"{LIST}?q={jobs[0].pk}")

    assert str(jobs[0].pk)[:8] in re.findall(r'class="job-id">(\w+)<', one)
    assert ("Next" in full, "Next" in one) == (True, False)
    assert "99999" not in full  # nobody counted the table


def test_a_cancelled_job_is_no_error(viewer: Client) -> None:
    told = {"error_code": "cancelled", "error_detail": "Cancelled by ann."}
    job = finished(person("ann"), state="cancelled", **told)
    html = page(viewer, f"{LIST}{job.pk}/change/")

    assert '<section class="job-box" aria-label="Cancelled">' in html
    assert "Cancelled by ann." in html
    assert "job-error" not in html


def test_times_have_one_form_and_their_zone_is_said(viewer: Client) -> None:
    job = finished(person("ann"))
    html = page(viewer, f"{LIST}{job.pk}/change/")

    assert f"{job.created_at:%Y-%m-%d %H:%M:%S}</time>" in html
    assert "times are UTC" in html
    assert date_format(job.created_at, "DATETIME_FORMAT") in html


def test_the_list_is_narrowed_by_state_kind_owner_and_the_beginning_of_an_id(
    viewer: Client,
) -> None:
    ann = person("ann")
    queued, done = job_of(ann), finished(None, kind="load_test_task")

    assert shown(viewer, "state=queued") == {str(queued.pk)}
    assert shown(viewer, "kind=load_test_task") == {str(done.pk)}
    assert shown(viewer, "owner=ann") == {str(queued.pk)}
    assert shown(viewer, f"q={done.pk}") == {str(done.pk)}
    assert shown(viewer, f"q={str(done.pk)[:13]}") == {str(done.pk)}
    assert shown(viewer, "q=nobody") == set()


def test_the_lists_socket_is_narrowed_as_the_list_is(viewer: Client) -> None:
    html = page(viewer, f"{LIST}?kind=load_test_task&q=abcd")
    assert 'data-socket="/ws/jobs/?kind=load_test_task"' in html
    assert "data-grows" not in html


def test_a_full_list_asks_few_questions_and_reads_nothing_large(viewer: Client) -> None:
    ann = person("ann")
    for _ in range(50):
        finished(ann, result={"large": "x"})
    with CaptureQueriesContext(connection) as queries:
        page(viewer, LIST)
    assert len(queries) <= 10
    assert not any('"traceback"' in query["sql"] for query in queries)
    assert not any("COUNT(" in query["sql"] for query in queries)


def test_an_empty_list_says_what_would_be_here(viewer: Client) -> None:
    assert "Jobs show up here by themselves" in page(viewer, LIST)


def test_nothing_is_added_changed_or_deleted_by_hand(viewer: Client) -> None:
    root = signed_in(User.objects.create_superuser("root"))
    job = job_of(None)
    assert root.get(f"{LIST}add/").status_code == 403
    assert root.post(f"{LIST}{job.pk}/delete/", {"post": "yes"}).status_code == 403
    root.post(f"{LIST}{job.pk}/change/", {"state": "succeeded"})
    assert Job.objects.get(pk=job.pk).state == "queued"


def test_a_page_shows_log_result_and_parameters_but_no_traceback_without_permission(
    viewer: Client,
) -> None:
    job, done = failed(None), finished(None, result={"prediction": 2})
    trusted = signed_in(person("tea", "view_job", "read_traceback"))
    path = f"{LIST}{job.pk}/change/"

    html = page(viewer, path)

    for words in ("expected 4 values", "wrong_input", "Started by", "features"):
        assert words in html
    assert "secret.py" not in html
    assert "secret.py" in page(trusted, path)
    assert "&quot;prediction&quot;: 2" in page(viewer, f"{LIST}{done.pk}/change/")
    assert f'href="/api/v1/jobs/{done.pk}/result/"' in page(viewer, f"{LIST}{done.pk}/change/")


def test_what_a_job_was_given_or_answers_is_never_markup(viewer: Client) -> None:
    evil = "<script>alert(1)</script>"
    job = finished(None, params={"a": evil}, result=evil, subject_label=evil, progress_stage=evil)
    assert evil not in page(viewer, f"{LIST}{job.pk}/change/")
    assert evil not in page(viewer, LIST)


def test_buttons_are_for_owners_and_those_with_the_permission(viewer: Client) -> None:
    ann = person("ann", "view_job")
    job = job_of(ann)
    path = f"{LIST}{job.pk}/"

    assert "_cancel" not in page(viewer, f"{path}change/")
    assert viewer.post(f"{path}cancel/").status_code == 403
    assert "_cancel" in page(signed_in(ann), f"{path}change/")
    assert signed_in(ann).get(f"{path}cancel/").status_code == 405
    signed_in(ann).post(f"{path}cancel/")
    assert Job.objects.get(pk=job.pk).state == "cancelled"


def test_retry_opens_the_new_jobs_page(viewer: Client) -> None:
    keeper = signed_in(person("kim", "view_job", "cancel_job"))
    job = failed(None)

    answer = keeper.post(f"{LIST}{job.pk}/retry/")

    (new,) = Job.objects.filter(parent=job)
    assert answer["location"] == f"{LIST}{new.pk}/change/"
    assert str(job.pk) in page(keeper, answer["location"])


def test_cancelling_needs_the_token_of_the_form(viewer: Client) -> None:
    ann = person("ann", "view_job")
    job = job_of(ann)
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(ann)
    assert strict.post(f"{LIST}{job.pk}/cancel/").status_code == 403
    assert Job.objects.get(pk=job.pk).state == "queued"


def test_the_selected_are_cancelled_and_those_that_cannot_be_are_named() -> None:
    keeper = signed_in(person("kim", "view_job", "cancel_job"))
    queued, done = job_of(None), finished(None)
    chosen = {"action": "cancel_selected", "_selected_action": [queued.pk, done.pk]}

    html = keeper.post(LIST, chosen, follow=True).content.decode()

    assert Job.objects.get(pk=queued.pk).state == "cancelled"
    assert "1 cancelled, or asked to stop." in html
    assert f"{done.pk}: The job has ended" in html


def test_a_load_test_is_shown_in_figures_and_plots(viewer: Client) -> None:
    latency = dict.fromkeys(("mean", "median", "stdev", "p50", "p95", "p99", "max"), 1.5)
    result = {
        "model": "iris", "concurrency": 8, "rows": 1, "total": 100, "successful": 99,
        "failed": {"timeout": 1}, "total_time_s": 2.0, "requests_per_s": 50.0,
        "latency_ms": latency, "histogram": [{"from_ms": 1.0, "to_ms": 2.0, "count": 99}],
    }  # fmt: skip
    nothing = {**result, "successful": 0, "latency_ms": None, "histogram": []}
    done = finished(None, kind="load_test_task", result=result)
    in_vain = finished(None, kind="load_test_task", result=nothing)

    html = page(viewer, f"{LIST}{done.pk}/change/")

    assert html.count("<canvas") == 2
    assert "99 of 100" in html
    assert "1 timeout" in html
    assert "No request was answered" in page(viewer, f"{LIST}{in_vain.pk}/change/")


def test_the_front_page_names_what_runs_and_what_failed_lately(viewer: Client) -> None:
    from django.utils import timezone

    job_of(None, state="running", created_at=timezone.now(), subject_label="churn")
    failed(None, created_at=timezone.now())
    failed(None, error_detail="long ago")

    html = page(viewer, "/admin/")

    assert "churn" in html
    assert "expected 4 values" in html
    assert "long ago" not in html
