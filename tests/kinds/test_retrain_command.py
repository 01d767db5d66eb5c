"""manage.py retrain_model starts a job and prints its id alone."""

from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from jobs.models import Job
from modelregistry import services
from tests.modelregistry.trained import tree_version

pytestmark = [pytest.mark.django_db, pytest.mark.database]


def test_the_id_of_the_job_is_printed() -> None:
    tree_version()
    printed = StringIO()
    call_command("retrain_model", "plants", stdout=printed)
    job = Job.objects.get()
    assert printed.getvalue() == f"{job.pk}\n"
    assert (job.kind, job.origin, job.subject_label) == ("retrain_model_task", "command", "plants")


def test_an_unknown_model_ends_in_one_line() -> None:
    with pytest.raises(CommandError, match=r"^There is no model of this name\.$"):
        call_command("retrain_model", "nobody")
    assert not Job.objects.exists()


def test_rows_in_a_file_are_kept_for_the_job(tmp_path: Path) -> None:
    tree_version()
    rows = tmp_path / "rows.jsonl"
    rows.write_text('{"a": 1, "b": 2, "c": 3, "d": 4, "kind": 0}\n' * 20)
    words = ("--rows", str(rows), "--target", "kind", "--promote-if-better-by", "0.02")
    call_command("retrain_model", "plants", *words, stdout=StringIO())
    params = Job.objects.get().params
    assert services.store().read(params["rows_sha256"]) == rows.read_bytes()
    assert (params["target_column"], params["promote_if_better_by"]) == ("kind", 0.02)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--rows", "ROWS"], "--rows and --target come together"),
        (["--target", "kind"], "--rows and --target come together"),
        (["--rows", "ROWS", "--target", "colour"], "have no column colour"),
        (["--rows", "nowhere.csv", "--target", "kind"], "nowhere.csv cannot be read"),
        (["--rows", "LARGE", "--target", "kind"], r"^Row 1 .* a number that is not finite\.$"),
        (["--promote-if-better-by", "-1"], "is no number from 0"),
        (["--promote-if-better-by", "nan"], "is no number from 0"),
        (["--promote-if-better-by", "much"], "is no number from 0"),
    ],
)
def test_what_makes_no_sense_is_said_at_once(tmp_path: Path, words: list[str], said: str) -> None:
    tree_version()
    rows = tmp_path / "rows.csv"
    rows.write_text("a,kind\n1,0\n")
    large = tmp_path / "large.jsonl"
    large.write_text('{"a": 1%s, "kind": 0}\n' % ("0" * 400))
    files = {"ROWS": str(rows), "LARGE": str(large)}
    with pytest.raises(CommandError, match=said):
        call_command("retrain_model", "plants", *[files.get(word, word) for word in words])
    assert not Job.objects.exists()
