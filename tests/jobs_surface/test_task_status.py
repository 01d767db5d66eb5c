"""GET /task/{id}: the tutorial's words for every state, and who may read them."""

import pytest
from django.test import Client

from tests.jobs_surface.rows import failed, finished, job_of, person, signed_in

pytestmark = [pytest.mark.django_db, pytest.mark.database]


def told(client: Client, task_id: object) -> tuple[int, dict[str, object]]:
    answer = client.get(f"/task/{task_id}")
    return answer.status_code, answer.json()


@pytest.mark.parametrize(
    ("facts", "word"),
    [
        ({}, "PENDING"),
        ({"state": "running", "attempt": 1}, "STARTED"),
        ({"attempt": 1}, "RETRY"),
    ],
)
def test_what_is_not_finished_is_pending_in_celerys_words(
    client: Client, facts: dict[str, object], word: str
) -> None:
    task = job_of(None, origin="tutorial", **facts)
    assert told(client, task.pk) == (
        200,
        {"task_id": str(task.pk), "status": "pending", "state": word},
    )


def test_what_succeeded_has_its_result(client: Client) -> None:
    result = {"prediction": 0, "status": "completed"}
    task = finished(None, origin="direct", result=result)
    expected = {"task_id": str(task.pk), "status": "completed", "result": result}
    assert told(client, task.pk) == (200, expected)


def test_a_retraining_answers_as_its_direct_producers_read_it(client: Client) -> None:
    result = {"metrics": {"accuracy": 0.97}, "version": 2}
    task = finished(None, kind="retrain_model_task", origin="direct", result=result)
    status, body = told(client, task.pk)
    assert (status, body["result"]) == (200, {"status": "model_retrained", "accuracy": 0.97})


@pytest.mark.parametrize("state", ["failed", "cancelled", "dead"])
def test_what_ended_otherwise_has_its_error_and_no_traceback(client: Client, state: str) -> None:
    task = failed(None, origin="tutorial", state=state)
    expected = {"task_id": str(task.pk), "status": "failed", "error": "expected 4 values, got 1."}
    assert told(client, task.pk) == (200, expected)


@pytest.mark.parametrize("task_id", ["00000000-0000-4000-8000-000000000000", "nonsense", "%00"])
def test_an_unknown_id_is_404_and_never_pending(client: Client, task_id: str) -> None:
    status, problem = told(client, task_id)
    assert (status, problem["code"]) == (404, "unknown_job")


def test_tasks_of_somebody_are_for_them_and_for_staff_who_view_all(client: Client) -> None:
    ann = person("ann")
    task = finished(ann, origin="tutorial", result={})

    assert told(client, task.pk)[0] == 404
    assert told(signed_in(person("bob")), task.pk)[0] == 404
    assert told(signed_in(ann), task.pk)[0] == 200
    assert told(signed_in(person("vic", "view_job")), task.pk)[0] == 200


@pytest.mark.parametrize("origin", ["rest", "admin", "command", "schedule"])
def test_what_nobody_owns_but_no_stranger_has_sent_is_not_for_strangers(
    client: Client, origin: str
) -> None:
    assert told(client, finished(None, origin=origin, result={}).pk)[0] == 404
