"""Jobs in REST: shapes, filters, paging, and what may be done with them."""

import uuid
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from jobs.models import Job
from tests.jobs_surface.rows import CREATED, failed, finished, job_of, person, signed_in

pytestmark = [pytest.mark.django_db, pytest.mark.database]
JOBS = "/api/v1/jobs/"
ROW = {"kind": "predict_task", "params": {"features": [5.1, 3.5, 1.4, 0.2]}}


@pytest.fixture
def ann() -> User:
    return person("ann")


@pytest.fixture
def client(ann: User) -> Client:
    return signed_in(ann)


def submit(client: Client, body: object, **headers: str) -> tuple[int, dict[str, object]]:
    answer = client.post(JOBS, body, content_type="application/json", headers=headers)
    return answer.status_code, answer.json()


def test_a_submitted_job_is_kept_and_answered_with_202(client: Client, ann: User) -> None:
    status, job = submit(client, {**ROW, "priority": 3})

    assert status == 202
    assert set(job) >= {
        "id", "kind", "state", "progress", "attempt", "max_attempts", "result", "error", "owner",
        "subject", "parent", "created_at", "started_at", "finished_at", "cancel_requested_at",
    }  # fmt: skip
    assert (job["state"], job["owner"], job["priority"]) == ("queued", "ann", 3)
    kept = Job.objects.get(pk=job["id"])
    assert (kept.params, kept.owner, kept.origin) == (ROW["params"], ann, "rest")


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"kind": "nothing_task", "params": {}}, 422, "unknown_kind"),
        ({"kind": "predict_task", "params": {"features": "x"}}, 422, "wrong_input"),
        ({"kind": "predict_task", "params": {}, "colour": "red"}, 422, "wrong_input"),
        ({**ROW, "priority": 10}, 422, "wrong_input"),
        ({**ROW, "priority": "high"}, 422, "wrong_input"),
        ({**ROW, "not_before": "soon"}, 422, "wrong_input"),
        ([], 422, "wrong_input"),
        ({}, 422, "wrong_input"),
        ("{", 400, "malformed"),
        ('{"kind": "predict_task", "kind": "predict_task", "params": {}}', 400, "malformed"),
        ('{"kind": "predict_task", "params": {"features": [NaN]}}', 400, "malformed"),
        ("[" * 5000, 400, "malformed"),
        ('{"kind": "x", "params": ' + '{"a":' * 40 + "1" + "}" * 41, 400, "malformed"),
    ],
)
def test_nonsense_is_refused_and_nothing_is_kept(
    client: Client, body: object, status: int, code: str
) -> None:
    found, problem = submit(client, body)

    assert (found, problem["code"]) == (status, code)
    assert Job.objects.count() == 0


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"params": {}}, "`kind` is missing"),
        ({"kind": "predict_task", "params": {}}, "`features` is missing"),
        ({"kind": "predict_task", "params": {"secret": 1, "features": [1]}}, "known are features"),
        ({"kind": "predict_task", "secret": 1}, "known are kind, params, priority, not_before"),
    ],
)
def test_a_submission_that_is_refused_is_told_which_names_there_are(
    client: Client, body: object, words: str
) -> None:
    _, problem = submit(client, body)

    assert words in problem["detail"]
    assert "secret" not in problem["detail"]


def test_another_method_is_told_those_there_are(client: Client) -> None:
    answer = client.delete(JOBS)

    assert (answer.status_code, answer["Allow"]) == (405, "GET, POST, HEAD, OPTIONS")
    assert answer["Allow"] in answer.json()["detail"]


def test_a_key_under_another_scheme_is_told_the_one_that_is_read() -> None:
    answer = Client().get(JOBS, HTTP_AUTHORIZATION="Token mlapi_secret")

    assert answer.status_code == 401
    assert "use Authorization: Bearer KEY" in answer.json()["detail"]


@pytest.mark.parametrize("content_type", ["text/plain", "multipart/form-data; boundary=x"])
def test_what_is_not_json_is_415(client: Client, content_type: str) -> None:
    answer = client.generic("POST", JOBS, b"{}", content_type=content_type)
    assert answer.status_code == 415


def test_a_kind_with_a_permission_asks_for_it(client: Client, ann: User) -> None:
    status, problem = submit(client, {"kind": "retrain_model_task", "params": {"model": "iris"}})

    assert (status, problem["code"]) == (403, "forbidden")
    assert Job.objects.count() == 0


def test_the_same_key_and_body_make_one_job(client: Client) -> None:
    _, first = submit(client, ROW, idempotency_key="k1")
    _, again = submit(client, ROW, idempotency_key="k1")
    other = {"kind": "predict_task", "params": {"features": [1, 2, 3, 4]}}
    status, problem = submit(client, other, idempotency_key="k1")

    assert first["id"] == again["id"]
    assert (status, problem["code"]) == (422, "key_reused")


def listed(client: Client, query: str = "") -> list[str]:
    answer = client.get(f"{JOBS}?{query}")
    assert answer.status_code == 200, answer.content
    return [job["id"] for job in answer.json()["results"]]


def test_one_sees_ones_own_jobs_and_with_permission_all(client: Client, ann: User) -> None:
    mine, theirs, nobodys = job_of(ann), job_of(person("bob")), job_of(None)
    viewer = signed_in(person("vic", "view_job"))
    viewing_but_no_staff = person("wil", "view_job", staff=False)

    assert listed(client) == [str(mine.pk)]
    assert set(listed(viewer)) == {str(job.pk) for job in (mine, theirs, nobodys)}
    assert signed_in(viewing_but_no_staff).get(JOBS).status_code in (401, 403)


@pytest.mark.parametrize("path", ["", "events/", "result/"])
def test_other_peoples_jobs_are_unknown(client: Client, path: str) -> None:
    theirs = finished(person("bob"))
    for job_id in (theirs.pk, uuid.uuid4(), "0" * 12):
        answer = client.get(f"{JOBS}{job_id}/{path}")
        assert (answer.status_code, answer.json()["code"]) == (404, "unknown_job")


def test_lists_are_narrowed_by_kind_state_owner_and_time(ann: User) -> None:
    viewer = signed_in(person("vic", "view_job"))
    queued = job_of(ann)
    done = finished(person("bob"), kind="load_test_task")
    later = job_of(ann, created_at=CREATED + timedelta(hours=1))

    assert listed(viewer, "kind=load_test_task") == [str(done.pk)]
    assert set(listed(viewer, "state=queued")) == {str(queued.pk), str(later.pk)}
    assert listed(viewer, "owner=bob") == [str(done.pk)]
    assert listed(viewer, "created_after=2026-03-01T12:30:00Z") == [str(later.pk)]
    assert str(later.pk) not in listed(viewer, "created_before=2026-03-01T12:30:00Z")


@pytest.mark.parametrize(
    "query", ["state=done", "created_after=yesterday", "created_after=2026-03-01T12:30:00"]
)
def test_a_filter_it_cannot_take_is_400_and_does_not_echo(client: Client, query: str) -> None:
    answer = client.get(f"{JOBS}?{query}")
    assert (answer.status_code, answer.json()["code"]) == (400, "malformed")
    assert query.partition("=")[2] not in answer.json()["detail"]


def test_lists_page_by_cursor_without_large_fields_and_in_few_queries(
    client: Client, ann: User
) -> None:
    for number in range(60):
        finished(ann, result={"n": number}, created_at=CREATED + timedelta(seconds=number))

    with CaptureQueriesContext(
        connection,
    ) as queries:
        first = client.get(JOBS).json()
    second = client.get(first["next"]).json()

    assert (len(first["results"]), len(second["results"]), second["next"]) == (50, 10, None)
    assert "result" not in first["results"][0]
    assert len(queries) <= 10
    assert not any('"traceback"' in query["sql"] for query in queries)


def test_a_running_job_tells_how_far_it_is(client: Client, ann: User) -> None:
    job = job_of(
        ann, state="running", attempt=1, started_at=CREATED, progress_done=3, progress_total=4,
        progress_stage="fit", subject_label="iris", subject_id="7",
        subject_view="admin:modelregistry_registeredmodel_change",
    )  # fmt: skip

    found = client.get(f"{JOBS}{job.pk}/").json()

    assert found["progress"].keys() == {"done", "total", "stage", "eta_s"}
    assert (found["progress"]["done"], found["progress"]["stage"]) == (3, "fit")
    assert found["progress"]["eta_s"] > 0
    page = "/admin/modelregistry/registeredmodel/7/change/"
    assert found["subject"] == {"label": "iris", "url": page}


def test_a_failed_job_tells_its_error_and_never_its_traceback(client: Client, ann: User) -> None:
    job = failed(ann)

    answer = client.get(f"{JOBS}{job.pk}/")

    expected = {"code": "wrong_input", "detail": "expected 4 values, got 1."}
    assert answer.json()["error"] == expected
    assert b"secret.py" not in answer.content


def test_the_log_is_read_from_a_line_on(client: Client, ann: User) -> None:
    job = finished(ann)

    lines = client.get(f"{JOBS}{job.pk}/events/").json()
    later = client.get(f"{JOBS}{job.pk}/events/?after=1").json()

    assert [line["seq"] for line in lines] == [1, 2]
    assert later == lines[1:]
    assert lines[0].keys() == {"seq", "at", "level", "message"}
    assert client.get(f"{JOBS}{job.pk}/events/?after=x").status_code == 400


def test_a_result_is_there_when_the_job_has_succeeded(client: Client, ann: User) -> None:
    def result_of(job: Job) -> tuple[int, object]:
        answer = client.get(f"{JOBS}{job.pk}/result/")
        body = answer.json()
        return answer.status_code, body if answer.status_code == 200 else body["code"]

    assert result_of(finished(ann, result={"prediction": 0})) == (200, {"prediction": 0})
    assert result_of(job_of(ann)) == (409, "not_finished")
    assert result_of(failed(ann)) == (409, "no_result")


def post(client: Client, job: Job, word: str) -> tuple[int, dict[str, object]]:
    answer = client.post(f"{JOBS}{job.pk}/{word}/")
    return answer.status_code, answer.json()


def test_a_queued_job_is_cancelled_once(client: Client, ann: User) -> None:
    job = job_of(ann)

    accepted, cancelled = post(client, job, "cancel")
    status, problem = post(client, job, "cancel")

    assert (accepted, cancelled["state"]) == (202, "cancelled")
    assert cancelled["finished_at"] is not None
    assert Job.objects.get(pk=job.pk).state == "cancelled"
    assert (status, problem["code"]) == (409, "not_cancellable")


def test_a_failed_job_is_retried_as_a_new_one(client: Client, ann: User) -> None:
    job = failed(ann)

    status, new = post(client, job, "retry")

    assert (status, new["state"], new["parent"]) == (202, "queued", str(job.pk))
    assert new["id"] != str(job.pk)
    assert post(client, finished(ann), "retry")[0] == 409


def test_seeing_a_job_is_not_yet_a_right_to_cancel_it(ann: User) -> None:
    job = job_of(ann)
    viewer = signed_in(person("vic", "view_job"))
    keeper = signed_in(person("kim", "view_job", "cancel_job"))

    assert post(viewer, job, "cancel")[0] == 403
    assert post(keeper, job, "cancel")[0] == 202


def test_the_kinds_are_listed_with_the_schemas_of_their_parameters(client: Client) -> None:
    kinds = client.get("/api/v1/job-kinds/").json()

    assert {kind["kind"] for kind in kinds} >= {"predict_task", "retrain_model_task"}
    assert all(kind.keys() == {"kind", "title", "params_schema"} for kind in kinds)


def test_a_wait_that_is_no_number_is_400(client: Client, ann: User) -> None:
    job = job_of(ann)
    assert client.get(f"{JOBS}{job.pk}/?wait=long").status_code == 400
    assert client.get(f"{JOBS}{job.pk}/?wait=5").status_code == 200
