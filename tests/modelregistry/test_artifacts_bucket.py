"""Files in an S3 bucket: chosen by one variable, put in one request, and told when out of reach."""

import hashlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.core.files.storage import FileSystemStorage

from mlapi.env import read_environment
from mlapi.problems import problem_of
from mlapi.variables import EnvironmentFault
from modelregistry.artifacts import ArtifactStore
from modelregistry.errors import StoreUnavailable
from modelregistry.storage.adapter import DjangoFiles
from tests.modelregistry import buckets
from tests.running import free_port, manage

PUT = (
    "from modelregistry.services import store; files = store();"
    "print(files.put(b'a model'), files.read(files.put(b'a model')))"
)
LONG = os.urandom(2**20) * 20  # far over the 8 MB from which boto3 would send parts
SHA256 = hashlib.sha256(LONG).hexdigest()


@pytest.fixture(scope="module")
def s3() -> Iterator[str]:
    with buckets.s3_server() as address:
        yield address


def test_one_variable_moves_all_files_to_a_bucket(s3: str, tmp_path: Path) -> None:
    buckets.client(s3).create_bucket(Bucket="models")
    done = manage(
        tmp_path / "var",
        *("shell", "--no-imports", "-c", PUT),
        MLAPI_ARTIFACTS_BUCKET="models",
        AWS_ENDPOINT_URL=s3.replace("127.0.0.1", "localhost"),
        AWS_DEFAULT_REGION="us-east-1",
        AWS_ACCESS_KEY_ID="anybody",
        AWS_SECRET_ACCESS_KEY="anything",
    )
    sha256 = hashlib.sha256(b"a model").hexdigest()
    assert done.stdout == f"{sha256} b'a model'\n", done.stderr
    listed = buckets.client(s3).list_objects_v2(Bucket="models")["Contents"]
    assert [entry["Key"] for entry in listed] == [sha256]
    assert list((tmp_path / "var" / "artifacts").iterdir()) == []


def test_a_long_file_is_one_request(s3: str, tmp_path: Path) -> None:
    buckets.client(s3).create_bucket(Bucket="long")
    store = ArtifactStore(DjangoFiles(buckets.bucket(s3, "long"), drafts=tmp_path))
    assert store.put(LONG) == SHA256
    tag = buckets.client(s3).head_object(Bucket="long", Key=SHA256)["ETag"]
    assert tag == f'"{hashlib.md5(LONG).hexdigest()}"'  # of parts it would end in their number
    with store.open(SHA256) as file:
        assert file.read() == LONG


def test_strangers_objects_in_the_bucket_are_left_out(s3: str, tmp_path: Path) -> None:
    client = buckets.client(s3)
    client.create_bucket(Bucket="shared")
    client.put_object(Bucket="shared", Key="notes.txt", Body=b"somebody's")
    client.put_object(Bucket="shared", Key=f"old/{SHA256}", Body=b"somebody's")
    store = ArtifactStore(DjangoFiles(buckets.bucket(s3, "shared"), drafts=tmp_path))
    assert list(store.names()) == []


def test_a_bucket_that_is_not_there_is_told(s3: str, tmp_path: Path) -> None:
    store = ArtifactStore(DjangoFiles(buckets.bucket(s3, "missing"), drafts=tmp_path))
    for doing in (store.names, lambda: store.put(b"x")):
        with pytest.raises(StoreUnavailable, match="does not answer") as told:
            doing()
        assert problem_of(told.value, "id").status == 503
    assert list(store.drafts()) == []


def test_a_server_that_is_not_there_is_told(tmp_path: Path) -> None:
    nobody = buckets.bucket(f"http://127.0.0.1:{free_port()}", "models")
    store = ArtifactStore(DjangoFiles(nobody, drafts=tmp_path))
    for doing in (store.read, store.open, store.exists, store.facts, store.delete):
        with pytest.raises(StoreUnavailable):
            doing(SHA256)
    with pytest.raises(StoreUnavailable):
        store.put(b"x")
    assert list(store.drafts()) == []


def test_a_storage_that_does_not_overwrite_is_refused(tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    store = ArtifactStore(DjangoFiles(FileSystemStorage(kept), drafts=tmp_path / "drafts"))
    store.put(b"a model")
    with pytest.raises(ImproperlyConfigured, match="must overwrite"):
        store.put(b"a model")
    assert len(list(kept.iterdir())) == 1


@pytest.mark.parametrize("package", ["storages", "boto3"])
def test_a_bucket_without_its_packages_is_a_fault_of_one_line(
    package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(EnvironmentFault, match=r"extra s3: pip install 'django-storages\[s3\]"):
        read_environment({"MLAPI_ARTIFACTS_BUCKET": "models"})
    assert read_environment({}).artifacts_bucket == ""


def test_an_address_is_no_buckets_name() -> None:
    with pytest.raises(EnvironmentFault, match="MLAPI_ARTIFACTS_BUCKET must be a bucket's name"):
        read_environment({"MLAPI_ARTIFACTS_BUCKET": "s3://models/production"})
