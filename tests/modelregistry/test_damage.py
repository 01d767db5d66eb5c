"""A version whose file is damaged is broken until it is whole; nothing else breaks or mends it."""

import os
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from modelregistry import services
from modelregistry.admin.reading import badge
from modelregistry.artifacts import LocalFolder
from modelregistry.errors import DamagedArtifact, NotPromotable, StoreUnavailable
from modelregistry.models import ModelVersion, Revision
from modelregistry.services.damage import UNREAD_LOOKS
from tests.modelregistry import buckets
from tests.modelregistry.trained import centroid_file, tree_file, tree_version
from tests.running import free_port

pytestmark = [pytest.mark.django_db, pytest.mark.database]


@pytest.fixture(autouse=True)
def own_store(settings: Any, tmp_path: Path) -> None:
    """A folder of the test's own, to be spoilt."""
    settings.ARTIFACT_DIR = tmp_path / "artifacts"


def path_of(version: ModelVersion) -> Path:
    backend = services.store().backend
    assert isinstance(backend, LocalFolder)
    return backend.path(version.live().artifact_sha256)


def found(version: ModelVersion) -> bool:
    """Somebody reads its file; whether that has broken it."""
    live = version.live()
    try:
        services.store().read(live.artifact_sha256)
    except DamagedArtifact as fault:
        return services.report_damage(live, fault, found_by="a test")
    return False


def fresh(version: ModelVersion) -> ModelVersion:
    return ModelVersion.objects.select_related("model").get(pk=version.pk)


@contextmanager
def revised() -> Iterator[None]:
    """Who follows the registry hears of it."""
    before = Revision.objects.current()
    yield
    assert Revision.objects.current() != before


@pytest.mark.parametrize("how", ["gone", "altered", "cut off"])
def test_a_damaged_file_breaks_its_version_with_a_reason_for_people(how: str) -> None:
    version = tree_version()
    path = path_of(version)
    if how == "gone":
        path.unlink()
    else:
        path.write_bytes(b"something else" if how == "altered" else path.read_bytes()[:-1])
    with revised():
        assert found(version)
    now = fresh(version)
    assert now.state == "broken"
    assert ("is gone" if how == "gone" else "was altered on disk") in now.why
    assert "Found by a test" in now.why
    assert "restore it, or hand the same file in again" in now.why
    with pytest.raises(NotPromotable, match="it is broken, not ready"):
        services.promote(version=now)


def test_of_several_who_find_it_one_breaks_it() -> None:
    version = tree_version()
    path_of(version).unlink()
    assert [found(version) for _ in range(4)] == [True, False, False, False]


@pytest.mark.parametrize("state", ["pending", "validating", "converting", "rejected", "broken"])
def test_only_what_is_ready_is_broken_by_it(state: str) -> None:
    version = tree_version()
    path_of(version).unlink()
    ModelVersion.objects.update(state=state)
    assert not found(version)
    assert (fresh(version).state, fresh(version).damage) == (state, "")


def test_a_form_that_the_version_is_not_served_in_any_more_does_not_break_it() -> None:
    version = tree_version()
    path_of(version).unlink()
    ModelVersion.objects.update(runtime="sklearn", onnx_sha256="")
    assert not found(version)
    assert fresh(version).state == "ready"


@pytest.mark.parametrize("how", ["empty", "another one's", "not there"])
def test_a_folder_that_is_not_the_registrys_breaks_nothing(
    settings: Any, tmp_path: Path, how: str
) -> None:
    versions = [tree_version(depth=depth) for depth in (1, 2, 3)]
    settings.ARTIFACT_DIR = tmp_path / how
    if how != "not there":
        settings.ARTIFACT_DIR.mkdir()
    if how == "another one's":
        for data in (b"a", b"b", tree_file(1)):  # an example that everybody has is no proof
            services.store().put(data)
    assert [found(version) for version in versions] == [False] * 3
    assert set(ModelVersion.objects.values_list("state", flat=True)) == {"ready"}


def test_a_file_that_cannot_be_read_breaks_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    version = tree_version()

    def unreadable(folder: LocalFolder, name: str) -> Any:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(LocalFolder, "open", unreadable)
    assert not found(version)
    assert fresh(version).state == "ready"


def test_a_bucket_breaks_its_versions_only_while_it_answers_and_is_the_right_one(
    settings: Any,
) -> None:
    with buckets.s3_server() as address:
        client = buckets.client(address)
        for name in ("models", "empty"):
            client.create_bucket(Bucket=name)
        settings.STORAGES = buckets.stored_in(address, "models")
        version = tree_version()
        for elsewhere in (("empty", address), ("missing", address)):
            settings.STORAGES = buckets.stored_in(elsewhere[1], elsewhere[0])
            assert not found(version)
        settings.STORAGES = buckets.stored_in(f"http://127.0.0.1:{free_port()}", "models")
        with pytest.raises(StoreUnavailable):
            found(version)
        settings.STORAGES = buckets.stored_in(address, "models")
        client.delete_object(Bucket="models", Key=version.onnx_sha256)
        assert found(version)


def test_once_the_file_is_whole_it_is_ready_again_as_it_was() -> None:
    version, mender = tree_version(), services.Mender()
    whole = path_of(version).read_bytes()
    path_of(version).write_bytes(b"something else")
    assert found(version)
    assert mender.mend() == 0
    path_of(version).write_bytes(whole)
    with revised():
        assert mender.mend() == 1
    assert fresh(version).live() == version.live()
    assert (fresh(version).state, fresh(version).why) == ("ready", version.why)
    assert mender.mend() == 0


def test_a_damaged_file_is_read_when_it_has_changed_or_is_there_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    version, mender, reads = tree_version(), services.Mender(), Counter[str]()
    path_of(version).write_bytes(b"something else")
    assert found(version)

    def counted(folder: LocalFolder, name: str) -> BinaryIO:
        reads[name] += 1
        return opened(folder, name)

    opened = LocalFolder.open
    monkeypatch.setattr(LocalFolder, "open", counted)
    name, path = version.onnx_sha256, path_of(version)
    for number, content in enumerate((b"something else", b"another length"[:9]), start=1):
        path.write_bytes(content)
        assert [mender.mend() for _ in range(5)] == [0] * 5
        assert reads[name] == number
    times, aside = path.stat(), path.with_suffix(".aside")
    path.rename(aside)
    assert [mender.mend() for _ in range(5)] == [0] * 5
    assert reads[name] == 2
    aside.rename(path)
    assert path.stat().st_mtime_ns == times.st_mtime_ns
    assert [mender.mend() for _ in range(5)] == [0] * 5
    assert reads[name] == 3


def test_a_file_that_is_restored_with_its_size_and_time_is_found_whole_after_a_while() -> None:
    version, mender = tree_version(), services.Mender()
    path = path_of(version)
    whole, times = path.read_bytes(), path.stat()

    def write(content: bytes) -> None:
        path.write_bytes(content)
        os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))

    write(whole[:-1] + b"?")
    assert found(version)
    assert mender.mend() == 0
    write(whole)
    assert [mender.mend() for _ in range(UNREAD_LOOKS + 1)] == [0] * UNREAD_LOOKS + [1]


def test_a_row_that_cannot_be_read_does_not_keep_others_from_being_mended() -> None:
    strange, version = tree_version("strange", 1), tree_version(depth=2)
    tree_version("others", 3)
    for each in (strange, version):
        whole = path_of(each).read_bytes()
        path_of(each).unlink()
        assert found(each)
        path_of(each).write_bytes(whole)
    ModelVersion.objects.filter(pk=strange.pk).update(signature={"columns": 7})
    assert services.Mender().mend() == 1
    assert fresh(version).state == "ready"


def test_handing_the_same_file_in_again_mends_it() -> None:
    version = services.register_version(
        model_name="plants", data=centroid_file(), create_missing=True
    )
    before = version.why
    assert before  # why it has no ONNX form
    path_of(version).unlink()
    services.store().put(b"others")
    tree_version("others")
    assert found(version)
    services.register_version(model_name="plants", data=centroid_file())
    assert services.Mender().mend() == 1
    assert fresh(version).why == before


def test_a_check_that_ended_without_a_verdict_is_not_mended_by_a_whole_file() -> None:
    version = tree_version()
    ModelVersion.objects.update(state="broken", reason="The check was cancelled.")
    assert services.Mender().mend() == 0
    assert fresh(version).state == "broken"


def test_a_check_does_not_take_up_what_is_broken_for_its_file() -> None:
    version = tree_version()
    path_of(version).unlink()
    assert found(version)
    assert services.take_up(version).state == "broken"


def test_what_was_champion_before_stands_in_where_rollbacks_lead() -> None:
    versions = [tree_version(depth=depth) for depth in (1, 2, 3, 4)]
    for version in versions:
        services.promote(version=version)
    path_of(versions[2]).unlink()
    assert found(versions[2])
    assert [live.version for live in services.stand_ins("plants")] == [2, 1]


def test_its_page_and_the_list_say_what_is_wrong_and_what_to_do() -> None:
    version = tree_version()
    path_of(version).unlink()
    assert found(version)
    client = Client()
    client.force_login(User.objects.create_superuser("root"))
    page = client.get(
        reverse("admin:modelregistry_modelversion_change", args=[version.pk])
    ).content.decode()
    assert "answers nobody until the file is whole again" in page
    assert "restore it, or hand the same file in again" in page
    assert "which can be retried" not in page
    assert "Inputs and outputs" in page  # what it takes is known as before
    listed = client.get(reverse("admin:modelregistry_modelversion_changelist")).content.decode()
    assert badge("file damaged", "danger") in listed
    told = client.get(f"/api/v1/models/plants/versions/{version.number}/").json()
    assert (told["state"], told["reason"]) == ("broken", fresh(version).damage)
