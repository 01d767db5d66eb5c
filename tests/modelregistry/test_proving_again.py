"""Converting what has an ONNX form reads the stored file and compares that one."""

import json
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from modelregistry import services
from modelregistry.errors import DamagedArtifact, NotPromotable
from modelregistry.models import ModelVersion
from modelregistry.tasks.converting import ConvertParams, run_convert
from tests.modelregistry.trained import tree_version

pytestmark = [pytest.mark.django_db, pytest.mark.database]


@contextmanager
def overwritten(sha256: str) -> Iterator[None]:
    path = services.store().backend.path(sha256)
    whole = path.read_bytes()
    path.write_bytes(b"garbage")
    try:
        yield
    finally:
        path.write_bytes(whole)


def differing() -> ModelVersion:
    """A version whose stored form answers otherwise than its source, as after a change of the
    libraries: its file is a shallower tree's."""
    shallow, deep = tree_version(depth=1), tree_version(depth=4)
    ModelVersion.objects.filter(pk=deep.pk).update(onnx_sha256=shallow.onnx_sha256)
    return ModelVersion.objects.get(pk=deep.pk)


def test_a_stored_form_that_was_altered_is_damage_and_no_match() -> None:
    version = tree_version(depth=3)
    with overwritten(version.onnx_sha256):
        with pytest.raises(DamagedArtifact, match="altered on disk"):
            services.convert(version=version)
        with pytest.raises(CommandError, match="altered on disk"):
            call_command("convert_onnx", "plants:1", stdout=StringIO())


def test_a_stored_form_that_no_longer_matches_is_told_and_not_promoted_until_it_does() -> None:
    version = differing()
    before = ModelVersion.objects.values().get(pk=version.pk)
    done = services.convert(version=version)
    assert (done.parity.status, done.parity.rows) == ("mismatch", 150)
    assert done.reason.startswith("In single precision ")
    told = {"parity": done.parity.to_json(), "reason": done.reason}
    assert ModelVersion.objects.values().get(pk=version.pk) == before | told
    with pytest.raises(NotPromotable, match="compared with its source again"):
        services.promote(version=version)
    right = tree_version(depth=4)
    ModelVersion.objects.filter(pk=version.pk).update(onnx_sha256=right.onnx_sha256)
    again = services.convert(version=ModelVersion.objects.find("plants", version.number))
    assert (again.version.parity["status"], again.version.reason) == ("match", "")
    services.promote(version=again.version)


def test_the_command_says_so_and_ends_with_one() -> None:
    differing()
    out = StringIO()
    with pytest.raises(SystemExit) as ended:
        call_command("convert_onnx", "plants:2", stdout=out)
    assert ended.value.code == 1
    first, *_, last = out.getvalue().splitlines()
    assert first.startswith(
        "plants:2 has an ONNX form that no longer answers like its source. In single precision"
    )
    assert last == "Match: False"
    out = StringIO()
    with pytest.raises(SystemExit):
        call_command("convert_onnx", "plants:2", "--json", stdout=out)
    assert json.loads(out.getvalue())["match"] is False


class Heard:
    """A job that remembers what was logged."""

    job_id, attempt, owner_id = uuid.uuid4(), 1, None

    def __init__(self) -> None:
        self.warnings: list[str] = []

    def progress(self, done: int, total: int, stage: str = "") -> None:
        assert done <= total, stage

    def log(self, message: str, level: str = "info") -> None:
        if level == "warning":
            self.warnings.append(message)


def test_the_jobs_log_says_so() -> None:
    differing()
    work = Heard()
    run_convert(work, ConvertParams(model="plants", version=2))
    (said,) = work.warnings
    assert said.startswith("plants:2 has an ONNX form that no longer answers like its source.")
