"""collect_artifacts deletes what nothing names, and never what somebody is about to name."""

import hashlib
import json
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import override_settings

from jobs import execution, states
from jobs import services as jobs
from jobs.kinds import find
from jobs.models import Job
from modelregistry import services
from modelregistry.artifacts import ArtifactStore, LocalFolder
from modelregistry.models import RETRAIN, ModelVersion
from tests.modelregistry import buckets
from tests.modelregistry.trained import ROWS, SAMPLES, TARGETS, tree_file, tree_version
from tests.running import free_port, manage

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.database]

CSV = "x0,x1,x2,x3,kind\n" + "".join(
    f"{','.join(map(str, row))},{label}\n" for row, label in zip(ROWS, TARGETS, strict=True)
)
LONG_AGO = datetime.now(UTC) - timedelta(days=2)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, settings: Any) -> Path:
    settings.ARTIFACT_DIR = tmp_path / "artifacts"
    return settings.ARTIFACT_DIR


def put(content: bytes, *, at: datetime = LONG_AGO) -> str:
    sha256 = services.store().put(content)
    age(services.store().backend.path(sha256), at)
    return sha256


def age(path: Path, at: datetime = LONG_AGO) -> None:
    os.utime(path, (at.timestamp(), at.timestamp()))


def age_all(folder: Path) -> None:
    for path in folder.rglob("*"):
        age(path)


def collect(*words: str) -> dict[str, Any]:
    out = StringIO()
    call_command("collect_artifacts", "--json", *words, stdout=out)
    return json.loads(out.getvalue())


def names() -> set[str]:
    return set(services.store().names())


def test_what_nothing_names_is_deleted_and_counted() -> None:
    put(b"12345"), put(b"123")
    assert collect() == {
        "dry_run": False, "files": 2, "file_bytes": 8, "drafts": 0, "draft_bytes": 0,
        "named": 0, "young": 0,
    }  # fmt: skip
    assert names() == set()


def test_a_dry_run_counts_the_same_and_deletes_nothing(folder: Path) -> None:
    forgotten = put(b"12345")
    (folder / ".draft-killed").write_bytes(b"123")
    age(folder / ".draft-killed")
    dry = collect("--dry-run")
    assert names() == {forgotten}
    assert (folder / ".draft-killed").exists()
    assert collect() == {**dry, "dry_run": False}
    assert names() == set()


def test_every_file_of_a_version_is_kept(folder: Path) -> None:
    handed_in = put(b"rows as they were handed in")
    version = services.register_version(
        model_name="plants", data=tree_file(), samples=SAMPLES, heldout=SAMPLES.first(3),
        create_missing=True,
    )  # fmt: skip
    ModelVersion.objects.filter(pk=version.pk).update(handed_in={"samples": handed_in})
    version.refresh_from_db()
    age_all(folder)
    assert collect()["files"] == 0
    assert names() == {
        version.source_sha256, version.onnx_sha256, version.samples_sha256,
        version.heldout_sha256, handed_in,
    }  # fmt: skip


def ended(state: str, *, days_ago: float, params: dict[str, Any], **facts: Any) -> Job:
    at = datetime.now(UTC) - timedelta(days=days_ago)
    return Job.objects.create(kind=RETRAIN, state=state, params=params, finished_at=at, **facts)


@pytest.mark.parametrize("key", ["rows_sha256", "samples"])
@pytest.mark.parametrize("state", states.STATES)
def test_files_of_a_job_are_kept_until_it_has_succeeded(key: str, state: str) -> None:
    sha256 = put(b"rows to learn from")
    ended(state, days_ago=29.9, params={"model": "iris", key: sha256})
    kept = state != states.SUCCEEDED
    assert collect()["named"] == int(kept)
    assert names() == ({sha256} if kept else set())


@pytest.mark.parametrize("state", [states.FAILED, states.CANCELLED, states.DEAD])
def test_a_job_that_ended_without_success_keeps_its_files_for_thirty_days(state: str) -> None:
    ended(state, days_ago=30.1, params={"rows_sha256": put(b"rows to learn from")})
    assert (collect()["files"], names()) == (1, set())


@pytest.mark.parametrize("state", [states.QUEUED, states.RUNNING])
def test_a_job_that_has_not_ended_keeps_its_files_however_old_it_is(state: str) -> None:
    rows = put(b"rows to learn from")
    long_ago = datetime.now(UTC) - timedelta(days=400)
    params = {"rows_sha256": rows}
    Job.objects.create(kind=RETRAIN, state=state, created_at=long_ago, params=params)
    assert (collect()["files"], names()) == (0, {rows})


@pytest.mark.parametrize("state", states.STATES)
def test_a_retry_that_has_succeeded_frees_the_files_of_the_first_try(state: str) -> None:
    rows = put(b"rows to learn from")
    failed = ended(states.FAILED, days_ago=2, params={"rows_sha256": rows})
    ended(states.FAILED, days_ago=2, params={}, parent=failed)
    ended(state, days_ago=1, params={}, parent=failed)
    assert names() == {rows}
    assert collect()["files"] == int(state == states.SUCCEEDED)


@pytest.mark.django_db(transaction=True)  # the heartbeat has a connection of its own
def test_a_job_that_failed_finds_its_rows_when_it_is_tried_again() -> None:
    services.promote(version=tree_version())
    rows = put(CSV.encode())
    params = {"model": "plants", "rows_sha256": rows, "target_column": "kind"}
    failed = ended(states.FAILED, days_ago=1, params=params)
    assert collect("--older-than", "0")["files"] == 0
    again = jobs.retry(job=failed, actor=None)
    execution.run(again, find(RETRAIN), worker="here")
    assert Job.objects.get(pk=again.pk).state == states.SUCCEEDED
    assert ModelVersion.objects.count() == 2


def test_other_parameters_of_jobs_name_nothing() -> None:
    put(b"rows to learn from")
    for params in ({}, {"samples": [[1, 2]]}, {"rows_sha256": None}, {"samples": {"a": 1}}):
        Job.objects.create(kind="retrain_model_task", params=params)
    assert collect()["files"] == 1


def test_what_is_young_is_kept_as_its_row_may_not_be_written_yet() -> None:
    hours_ago = datetime.now(UTC) - timedelta(hours=3)
    young = put(b"a model", at=hours_ago)
    assert (collect()["files"], names()) == (0, {young})
    assert collect("--older-than", "3.5")["young"] == 1
    assert collect("--older-than", "2.5")["files"] == 1


def test_old_content_that_is_put_again_is_kept_for_the_row_that_will_name_it() -> None:
    again = put(b"a model")
    services.store().put(b"a model")
    assert collect()["young"] == 1
    assert names() == {again}


def test_content_that_is_put_again_while_files_are_collected_is_kept() -> None:
    again, _ = put(b"a model"), put(b"forgotten")

    def put_again(done: int, total: int) -> None:
        services.store().put(b"a model")

    services.collect(put_before=datetime.now(UTC) - timedelta(days=1), step=put_again)
    assert names() == {again}


def test_no_put_is_lost_however_it_meets_a_delete(tmp_path: Path) -> None:
    folder = LocalFolder(tmp_path)
    store, sha256 = ArtifactStore(folder), hashlib.sha256(b"a model").hexdigest()
    yesterday = datetime.now(UTC) - timedelta(days=1)
    with ThreadPoolExecutor(2) as pool:
        for _ in range(300):
            store.put(b"a model")
            age(folder.path(sha256))
            deleting = pool.submit(store.delete, sha256, put_before=yesterday)
            pool.submit(store.put, b"a model").result()
            deleting.result()
            assert store.exists(sha256)


def test_a_job_that_hands_its_file_to_a_version_meanwhile_loses_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sha256 = put(b"rows as they were handed in")
    job = Job.objects.create(kind="ingest", params={"samples": sha256})
    ask_versions = ModelVersion.objects.files

    def after_the_job_ended() -> set[str]:
        Job.objects.filter(pk=job.pk).update(state=states.SUCCEEDED)
        services.register_version(model_name="plants", data=tree_file(), create_missing=True)
        ModelVersion.objects.update(handed_in={"samples": sha256})
        return ask_versions()

    monkeypatch.setattr(ModelVersion.objects, "files", after_the_job_ended)
    assert collect()["files"] == 0
    assert sha256 in names()


def test_drafts_of_killed_processes_are_deleted_and_those_being_written_are_not(
    folder: Path,
) -> None:
    written_now: list[dict[str, Any]] = []

    def upload() -> Iterator[bytes]:
        yield b"first part"
        (folder / ".draft-killed").write_bytes(b"12345")
        age(folder / ".draft-killed")
        written_now.append(collect())
        yield b"second part"

    stored = services.store().put_stream(upload())
    assert [(found["drafts"], found["draft_bytes"]) for found in written_now] == [(1, 5)]
    assert services.store().read(stored.sha256) == b"first partsecond part"


def test_people_read_sentences() -> None:
    put(b"x" * 2048)
    out = StringIO()
    call_command("collect_artifacts", stdout=out)
    assert out.getvalue() == (
        "Deleted 1 file that nothing names (2.0 KB).\n"
        "Deleted 0 drafts of uploads that were cut off (0 bytes).\n"
        "Kept 0 files that versions or jobs name, and 0 younger than 24 hours.\n"
    )


@pytest.mark.parametrize("words", ["-1", "nan", "inf", "soon"])
def test_an_age_is_a_number_of_hours(words: str) -> None:
    with pytest.raises(CommandError, match="is no number of hours"):
        collect(f"--older-than={words}")


def test_files_in_a_bucket_are_collected_too() -> None:
    with buckets.s3_server() as address:
        buckets.client(address).create_bucket(Bucket="collected")
        with override_settings(STORAGES=buckets.stored_in(address, "collected")):
            services.store().put(b"12345")
            assert collect()["young"] == 1
            later = datetime.now(UTC) + timedelta(hours=1)
            found = services.collect(put_before=later, step=lambda done, total: None)
            assert (found.files, found.file_bytes) == (1, 5)
            assert names() == set()


def test_a_bucket_out_of_reach_is_one_line() -> None:
    with (
        override_settings(STORAGES=buckets.stored_in(f"http://127.0.0.1:{free_port()}", "models")),
        pytest.raises(CommandError, match="does not answer"),
    ):
        collect()


def test_the_example_models_survive_their_own_collection(installed: Path) -> None:
    done = manage(installed, "collect_artifacts", "--older-than", "0", "--dry-run", "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["files"] == found["drafts"] == found["young"] == 0
    assert found["named"] > 0
    assert done.stderr == ""
