"""POST /api/v1/models/{name}/retrain/: with rows, with a file of rows, with those that are kept."""

import json
from io import BytesIO
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from django.contrib.auth.models import Permission, User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.http import HttpResponse
from django.test import Client
from django.utils import timezone
from pyarrow import parquet
from sklearn.datasets import load_iris

from jobs import execution
from jobs.kinds import find
from jobs.models import Job
from mlapi.limits import upload_permission
from modelregistry import services
from modelregistry.formats.rows import Rows
from modelregistry.formats.skops_format import load_estimator
from modelregistry.models import Alias, ModelVersion, RegisteredModel
from tests.modelregistry.trained import tree_file, tree_version

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.database]
PATH = "/api/v1/models/plants/retrain/"
ROWS, TARGETS = load_iris(return_X_y=True)
NAMES = ("x0", "x1", "x2", "x3")
TABLE: dict[str, list[Any]] = {
    **{name: ROWS[:, index].tolist() for index, name in enumerate(NAMES)},
    "species": TARGETS.tolist(),
}


def staff(*permissions: str) -> Client:
    user = User.objects.create_user("staff", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def trainer() -> Client:
    return staff("retrain_registeredmodel", "promote_modelversion")


def as_csv() -> bytes:
    lines = [TABLE.keys(), *zip(*TABLE.values(), strict=True)]
    return "".join(",".join(map(str, line)) + "\n" for line in lines).encode()


def as_lines() -> bytes:
    rows = zip(*TABLE.values(), strict=True)
    return "".join(json.dumps(dict(zip(TABLE, row, strict=True))) + "\n" for row in rows).encode()


def as_parquet() -> bytes:
    out = BytesIO()
    parquet.write_table(pa.table(TABLE), out)
    return out.getvalue()


def rows_file(data: bytes | None = None) -> SimpleUploadedFile:
    return SimpleUploadedFile("../rows.exe", as_csv() if data is None else data)


def ask(client: Client, body: object, path: str = PATH, **headers: str) -> "HttpResponse":
    return client.post(path, json.dumps(body), content_type="application/json", headers=headers)  # type: ignore[return-value]


def run(answer: "HttpResponse") -> Job:
    """The job that the answer tells of, done."""
    assert answer.status_code == 202, answer.content
    job = Job.objects.find(answer.json()["job"]["id"])
    assert execution.run(job, find(job.kind), worker="here:1")
    return job


def test_without_a_body_it_learns_from_the_rows_that_are_kept(trainer: Client) -> None:
    tree_version()
    answer = trainer.generic("POST", PATH)
    told = answer.json()["job"]
    assert (told["kind"], told["state"], told["owner"]) == ("retrain_model_task", "queued", "staff")
    assert Job.objects.get().params == {"model": "plants", "rows": None, "target": None}
    job = run(answer)
    assert (job.result["version"], job.result["trained_rows"]) == (2, 112)


def test_rows_in_json_are_learnt(trainer: Client) -> None:
    tree_version()
    body = {"rows": ROWS[::3].tolist(), "target": TARGETS[::3].tolist()}
    job = run(ask(trainer, body, PATH.rstrip("/")))
    assert (job.result["trained_rows"], job.result["heldout_rows"]) == (37, 13)


def test_rows_over_the_limit_of_a_file_are_413(trainer: Client, settings: Any) -> None:
    services.create_model(name="plants", task="")
    settings.LARGEST_UPLOAD = 100
    answer = trainer.post(PATH, {"file": rows_file(), "target": "species"})
    assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")
    assert not Job.objects.exists()


@pytest.mark.parametrize("form", [as_csv, as_lines, as_parquet], ids=lambda form: form.__name__)
def test_a_file_of_rows_is_kept_and_learnt_and_its_rows_are_in_no_job(
    trainer: Client, form: Any
) -> None:
    first = tree_version()
    services.promote(version=first)

    posted = {"file": rows_file(form()), "target": "species", "promote_if_better_by": "0.5"}
    job = run(trainer.post(PATH, posted))

    assert services.store().read(job.params["rows_sha256"]) == form()
    assert job.params == {
        "model": "plants", "rows": None, "target": None, "target_column": "species",
        "rows_sha256": job.params["rows_sha256"], "promote_if_better_by": 0.5,
    }  # fmt: skip
    version = ModelVersion.objects.find("plants", job.result["version"])
    files = services.store()
    learnt = Rows.from_json(files.read(version.samples_sha256))
    heldout = Rows.from_json(files.read(version.heldout_sha256))
    assert sorted(learnt.values + heldout.values) == sorted(map(tuple, ROWS.tolist()))
    table, wanted = np.array(heldout.values), np.array(heldout.targets)
    by_hand = [
        float(np.mean(load_estimator(data).predict(table) == wanted))
        for data in (files.read(version.source_sha256), tree_file())
    ]
    figures = [job.result["metrics"]["accuracy"], job.result["champion"]["metrics"]["accuracy"]]
    assert figures == pytest.approx(by_hand)
    assert (job.result["promoted"], len(Alias.objects.champions())) == (False, 1)
    assert "which is not better by 0.5" in job.result["promotion"]


def test_a_file_of_rows_is_opened_by_another_process_than_the_workers(
    trainer: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def opened(*_: object, **__: object) -> None:
        raise AssertionError("in the worker's own process")

    tree_version()
    monkeypatch.setattr(parquet, "ParquetFile", opened)
    job = run(trainer.post(PATH, {"file": rows_file(as_parquet()), "target": "species"}))
    assert job.state == "succeeded", job.error_detail


def test_columns_are_found_by_name_in_whatever_order_they_come(trainer: Client) -> None:
    named = Rows.of(ROWS, columns=("a", "b", "c", "d"), targets=TARGETS)
    services.register_version(
        model_name="plants", data=tree_file(), samples=named, create_missing=True
    )
    turned = [
        ",".join(map(str, [kind, *row[::-1]])) for row, kind in zip(ROWS, TARGETS, strict=True)
    ]
    form = {"file": rows_file("\n".join(["kind,d,c,b,a", *turned]).encode()), "target": "kind"}
    version = ModelVersion.objects.find("plants", run(trainer.post(PATH, form)).result["version"])
    assert version.signature["columns"] == ["a", "b", "c", "d"]
    learnt = Rows.from_json(services.store().read(version.samples_sha256))
    assert set(learnt.values) <= set(map(tuple, ROWS.tolist()))


@pytest.mark.parametrize(
    ("data", "target", "said"),
    [
        (b"\x00\xff not rows", "species", "no CSV text in UTF-8, and neither JSON lines nor"),
        (as_csv(), "kind", "have no column kind"),
        (b"x0,x1,x2,y\n" + b"1,2,3,0\n" * 20, "y", "lack columns of the model"),
        (as_csv()[:60], "species", "It takes 10 rows"),
        (b"PAR1" + bytes(99), "species", "damaged, cut off or encrypted"),
    ],
)
def test_a_file_that_teaches_nothing_is_told_by_the_job(
    trainer: Client, data: bytes, target: str, said: str
) -> None:
    named = Rows.of(ROWS, columns=(*NAMES[:3], "width"), targets=TARGETS)
    services.register_version(
        model_name="plants", data=tree_file(), samples=named, create_missing=True
    )
    if said.startswith("It takes"):
        data = data.replace(b"x3", b"width").rpartition(b"\n")[0]
    job = run(trainer.post(PATH, {"file": rows_file(data), "target": target}))
    assert job.state == "failed"
    assert said in job.error_detail
    assert ModelVersion.objects.count() == 1


def test_a_key_starts_one_job(trainer: Client) -> None:
    tree_version()
    one, other = (
        trainer.post(
            PATH, {"file": rows_file(), "target": "species"}, headers={"Idempotency-Key": "k"}
        ).json()["job"]["id"]
        for _ in range(2)
    )
    assert one == other
    answer = ask(trainer, {}, **{"Idempotency-Key": "k"})
    assert (answer.status_code, answer.json()["code"]) == (422, "key_reused")


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"promote_if_better_by": -0.1}, "promote_if_better_by"),
        ({"promote_if_better_by": "0.1"}, "promote_if_better_by"),
        ({"rows": [[1.0]] * 10}, "rows and target come together"),
        ({"rows": [[1.0]] * 3, "target": [1, 2, 3]}, "length >= 10"),
        ({"rows": [[1.0]] * 10, "target": [1]}, "one target for every row"),
        ({"rows": [[10**400]] * 10, "target": [1] * 10}, "no number may be beyond"),
        ({"rows": [[1.0]] * 10, "target": [-(10**400)] * 10}, "no number may be beyond"),
        ({"target": "species"}, "Expected `array | null`"),
        ({"rows_sha256": "0" * 64}, "known are rows, target, promote_if_better_by"),
        ({"model": "other"}, "known are rows, target, promote_if_better_by"),
        ([], "Expected `object`"),
    ],
)
def test_a_body_that_makes_no_sense_is_refused(trainer: Client, body: object, words: str) -> None:
    tree_version()
    answer = ask(trainer, body)
    assert (answer.status_code, answer.json()["code"]) == (422, "wrong_input")
    assert words in answer.json()["detail"]
    assert not Job.objects.exists()


@pytest.mark.parametrize("number", ["1e999", "-1e999", "-0.5"])
def test_a_margin_out_of_range_is_refused_on_both_routes(trainer: Client, number: str) -> None:
    tree_version()
    margin = f'{{"promote_if_better_by": {number}}}'
    params = f'{{"kind": "retrain_model_task", "params": {{"model": "plants", {margin[1:]}}}'
    for path, body in ((PATH, margin), ("/api/v1/jobs/", params)):
        answer = trainer.post(path, body, content_type="application/json")
        assert (answer.status_code, answer.json()["code"]) == (422, "wrong_input"), answer.content
    assert not Job.objects.exists()


@pytest.mark.parametrize(
    ("form", "words"),
    [
        ({"file": ""}, "file: "),
        ({"file": "text"}, "file: "),
        ({"target": ""}, "target: "),
        ({"target": "x" * 201}, "target: "),
        ({"promote_if_better_by": "nan"}, "promote_if_better_by: A valid number is required."),
        ({"promote_if_better_by": "inf"}, "promote_if_better_by: A valid number is required."),
        ({"promote_if_better_by": "-1"}, "promote_if_better_by: "),
        ({"file": [rows_file(), rows_file()]}, "The field file may come once."),
        ({"target": ["species", "x0"]}, "The field target may come once."),
        ({"rows": "[]"}, "known are file, target, promote_if_better_by"),
    ],
)
def test_a_form_that_makes_no_sense_is_refused(
    trainer: Client, form: dict[str, Any], words: str
) -> None:
    tree_version()
    answer = trainer.post(PATH, {"file": rows_file(), "target": "species", **form})
    assert (answer.status_code, Job.objects.count()) == (422, 0)
    assert words in answer.json()["detail"]


def test_other_bodies_are_no_order(trainer: Client) -> None:
    tree_version()
    for kind, status in (("text/csv", 415), ("multipart/form-data", 400)):
        answer = trainer.post(PATH, b"x", content_type=kind)
        assert answer.status_code == status


def test_models_that_take_no_versions_are_told_so(trainer: Client) -> None:
    version = tree_version()
    answer = ask(trainer, {}, "/api/v1/models/nobody/retrain/")
    assert (answer.status_code, answer.json()["code"]) == (404, "unknown_model")
    RegisteredModel.objects.filter(pk=version.model_id).update(archived_at=timezone.now())
    assert ask(trainer, {}).json()["code"] == "archived_model"


def test_a_file_of_rows_may_be_as_large_as_any_upload() -> None:
    form = b"multipart/form-data; boundary=x"
    assert upload_permission("POST", PATH, form) == "modelregistry.retrain_registeredmodel"
    assert upload_permission("POST", PATH, b"application/json") is None
