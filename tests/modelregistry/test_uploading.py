"""Handing in: the files are kept, the version waits, and a job brings the verdict."""

from collections.abc import Iterator
from contextlib import suppress
from itertools import count
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import OperationalError, connection
from django.utils import timezone

from jobs import execution
from jobs import services as jobs
from jobs.errors import KeyReused
from jobs.kinds import find
from jobs.models import Job
from modelregistry import services
from modelregistry.errors import (
    ArchivedModel,
    InvalidName,
    NotChecked,
    NotConvertible,
    NotPromotable,
    NotRetrainable,
    UnknownModel,
)
from modelregistry.models import ModelVersion, RegisteredModel
from modelregistry.retraining import check_retrainable
from tests.modelregistry.trained import (
    ROWS,
    TARGETS,
    centroid_file,
    onnx_file,
    regression_file,
    tree_file,
    tree_version,
)

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.database]
State = ModelVersion.State


CSV = "a,b,c,d,kind\n" + "".join(
    f"{','.join(map(str, row))},{label}\n" for row, label in zip(ROWS, TARGETS, strict=True)
)


@pytest.fixture
def ann() -> User:
    return User.objects.create_user("ann")


@pytest.fixture
def plants() -> RegisteredModel:
    return services.create_model(name="plants", task="")


def upload(data: bytes | None = None, **facts: Any) -> services.Upload:
    whole = tree_file() if data is None else data
    return services.Upload(source=pieces(whole), **{"metadata": {}, **facts})


def pieces(data: bytes) -> Iterator[bytes]:
    for start in range(0, len(data), 1000):
        yield data[start : start + 1000]


def handed_in(data: bytes | None = None, *, model: str = "plants", **facts: Any) -> ModelVersion:
    """By nobody in particular."""
    given = upload(data, **facts)
    return services.hand_in(model_name=model, upload=given, actor=None)


def worked_off(version: ModelVersion) -> Job:
    """Its newest job, run to its end."""
    job = Job.objects.filter(subject_id=str(version.pk)).latest("created_at")
    execution.run(job, find(job.kind), worker="here")
    return job


def fresh(version: ModelVersion) -> ModelVersion:
    return ModelVersion.objects.select_related("model").get(pk=version.pk)


class FailingOnce:
    """Lets the database fail at the query of that number."""

    def __init__(self, number: int) -> None:
        self.left = number

    def __call__(self, execute: Any, *query: Any) -> Any:
        self.left -= 1
        if self.left == 0:
            raise OperationalError("the database is gone")
        return execute(*query)


def broken_off(version: ModelVersion) -> None:
    """Its job is cancelled before a worker had it."""
    jobs.cancel(job=Job.objects.find(str(version.job_id)), actor=None)


def test_a_version_waits_with_its_files_and_its_job(plants: RegisteredModel, ann: User) -> None:
    given = upload(samples=pieces(CSV.encode()), target="kind", metadata={"run": 7})
    version = services.hand_in(model_name="plants", upload=given, actor=ann)
    kept, job = fresh(version), Job.objects.find(str(version.job_id))
    assert (kept.number, kept.state, kept.format, kept.runtime) == (1, State.PENDING, "", "")
    assert services.store().read(kept.source_sha256) == tree_file()
    assert kept.source_size == len(tree_file())
    assert services.store().read(kept.handed_in["samples"]) == CSV.encode()
    assert (kept.handed_in["target"], kept.metadata, kept.created_by) == ("kind", {"run": 7}, ann)
    assert (job.kind, job.owner, job.params) == (
        "ingest_version_task", ann, {"model": "plants", "version": 1},
    )  # fmt: skip


def test_the_job_makes_it_ready_and_says_what_the_model_does(plants: RegisteredModel) -> None:
    version = handed_in(samples=pieces(CSV.encode()), target="kind")
    job = worked_off(version)
    ready = fresh(version)
    assert (job.state, job.result["state"], job.result["reason"]) == ("succeeded", "ready", "")
    assert job.result["parity"]["status"] == "match"
    assert (ready.state, ready.runtime, ready.model.task) == ("ready", "onnx", "classification")
    assert services.sample_rows(ready).targets == tuple(TARGETS)  # type: ignore[union-attr]
    services.promote(version=ready)


def test_what_came_as_onnx_becomes_ready_too(plants: RegisteredModel) -> None:
    version = handed_in(onnx_file())
    worked_off(version)
    assert (fresh(version).state, fresh(version).format) == ("ready", "onnx")


def test_what_has_no_onnx_form_is_ready_on_scikit_learn(plants: RegisteredModel) -> None:
    version = handed_in(centroid_file())
    worked_off(version)
    assert (fresh(version).state, fresh(version).runtime) == ("ready", "sklearn")
    assert "NearestCentroid" in fresh(version).reason


def test_a_file_that_is_no_model_is_rejected_and_says_why(plants: RegisteredModel) -> None:
    version = handed_in(tree_file()[:-100])
    job = worked_off(version)
    assert (fresh(version).state, job.state) == ("rejected", "succeeded")
    assert "archive is damaged" in fresh(version).reason
    assert job.result["reason"] == fresh(version).reason


def test_a_model_keeps_to_what_its_first_version_does(plants: RegisteredModel) -> None:
    worked_off(handed_in())
    version = handed_in(regression_file())
    worked_off(version)
    assert fresh(version).state == "rejected"
    assert "does classification" in fresh(version).reason


def test_what_an_onnx_file_is_taken_for_gives_way_to_the_first_estimator(
    plants: RegisteredModel,
) -> None:
    worked_off(handed_in(onnx_file()))
    plants.refresh_from_db()
    guess = plants.task
    version = handed_in(regression_file())
    worked_off(version)
    plants.refresh_from_db()
    assert (fresh(version).state, plants.task) == ("ready", "regression")
    assert guess == "classification"
    late = handed_in()
    worked_off(late)
    assert "does regression" in fresh(late).reason


def test_a_first_version_by_command_says_what_the_model_does(plants: RegisteredModel) -> None:
    services.register_version(model_name="plants", data=tree_file())
    plants.refresh_from_db()
    assert plants.task == "classification"


def test_numbers_go_on_from_those_that_are_there(plants: RegisteredModel) -> None:
    assert [handed_in().number for _ in range(3)] == [1, 2, 3]


def test_a_key_makes_one_version_and_one_job(plants: RegisteredModel, ann: User) -> None:
    facts = {"model_name": "plants", "actor": ann, "idempotency_key": "monday"}
    one, other = (services.hand_in(upload=upload(), **facts) for _ in range(2))
    assert (one.pk, one.job_id) == (other.pk, other.job_id)
    assert (ModelVersion.objects.count(), Job.objects.count()) == (1, 1)


def test_a_key_that_has_made_another_version_is_refused(plants: RegisteredModel, ann: User) -> None:
    services.create_model(name="trees", task="")
    facts: dict[str, Any] = {"actor": ann, "idempotency_key": "monday"}
    services.hand_in(model_name="plants", upload=upload(), **facts)
    for model, data in (("plants", onnx_file()), ("trees", tree_file())):
        with pytest.raises(KeyReused):
            services.hand_in(model_name=model, upload=upload(data), **facts)
    assert ModelVersion.objects.count() == 1


def test_a_new_model_is_made_with_its_first_version() -> None:
    made = services.hand_in(
        model_name="fresh", upload=upload(), actor=None, new_model={"description": "of today"}
    )
    again = services.hand_in(
        model_name="fresh", upload=upload(), actor=None, new_model={"description": "ignored"}
    )
    assert (made.number, again.number, again.model.description) == (1, 2, "of today")


def test_nothing_is_kept_for_a_model_that_takes_nothing(plants: RegisteredModel) -> None:
    RegisteredModel.objects.filter(pk=plants.pk).update(archived_at=timezone.now())
    kept = set(services.store().names())
    for name, fault in (("plants", ArchivedModel), ("nobody", UnknownModel), ("../x", InvalidName)):
        with pytest.raises(fault):
            handed_in(b"of no interest", model=name)
    assert set(services.store().names()) == kept
    assert Job.objects.count() == 0


def test_a_stream_that_breaks_off_leaves_nothing(plants: RegisteredModel) -> None:
    def breaking() -> Iterator[bytes]:
        yield b"half of it"
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        services.hand_in(
            model_name="plants",
            upload=services.Upload(source=breaking(), metadata={}),
            actor=None,
        )
    assert (ModelVersion.objects.count(), list(services.store().drafts())) == (0, [])


@pytest.mark.django_db(transaction=True)
def test_a_query_that_fails_leaves_a_version_with_its_job_or_neither(ann: User) -> None:
    services.create_model(name="plants", task="")
    for number in count(1):
        failing = FailingOnce(number)
        with suppress(OperationalError), connection.execute_wrapper(failing):
            services.hand_in(
                model_name="plants", upload=upload(), actor=ann, idempotency_key="once"
            )
        assert set(ModelVersion.objects.values_list("job_id", flat=True)) == set(
            Job.objects.values_list("pk", flat=True)
        )
        if failing.left > 0:  # there was no query of that number
            break
    assert number > 5
    assert ModelVersion.objects.count() == 1


def test_a_check_that_is_cancelled_leaves_no_version_waiting(plants: RegisteredModel) -> None:
    version = handed_in()
    broken_off(version)
    assert fresh(version).state == "broken"
    assert fresh(version).reason.startswith("The check was cancelled before its end.")


def test_a_retry_of_its_job_checks_the_file_again(plants: RegisteredModel) -> None:
    version = handed_in()
    broken_off(version)
    jobs.retry(job=Job.objects.find(str(version.job_id)), actor=None)
    worked_off(version)
    assert (fresh(version).state, fresh(version).reason) == ("ready", "")


def test_a_check_that_fails_says_so(plants: RegisteredModel) -> None:
    version = handed_in()
    services.store().delete(version.source_sha256)
    assert worked_off(version).state == "failed"
    assert fresh(version).state == "broken"
    assert "is gone" in fresh(version).reason


def test_a_second_check_that_is_cancelled_does_not_spoil_the_first(
    plants: RegisteredModel,
) -> None:
    version = handed_in()
    first = Job.objects.find(str(version.job_id))
    second = jobs.submit(kind=first.kind, params=first.params)
    jobs.cancel(job=second, actor=None)
    assert fresh(version).state == "pending"


def test_a_verdict_stays_whatever_happens_to_later_checks(plants: RegisteredModel) -> None:
    version = handed_in()
    first = worked_off(version)
    jobs.cancel(job=jobs.submit(kind=first.kind, params=first.params), actor=None)
    jobs.submit(kind=first.kind, params=first.params)
    assert worked_off(version).result["state"] == "ready"
    assert fresh(version).state == "ready"


def test_what_is_not_checked_does_nothing_and_says_why(plants: RegisteredModel) -> None:
    version = handed_in()
    with pytest.raises(NotPromotable, match="plants:1 cannot serve: it is pending, not ready"):
        services.promote(version=version)
    with pytest.raises(NotConvertible, match="plants:1 cannot be converted: it is pending"):
        services.convert(version=version)
    with pytest.raises(NotRetrainable, match="plants:1 cannot be retrained: it is pending"):
        check_retrainable(version, taught=True)
    with pytest.raises(NotChecked, match="what it takes is not known"):
        version.example_row()
    with pytest.raises(NotChecked):
        version.live()


def test_a_version_that_waits_does_not_take_the_place_of_one_that_is_ready() -> None:
    ready = tree_version()
    handed_in()
    assert ModelVersion.objects.find("plants") == ready
