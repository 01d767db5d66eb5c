"""A version's files in REST: the right bytes, piece by piece, under a safe name."""

import asyncio
from hashlib import sha256

import pytest
from django.http.response import HttpResponseBase
from django.test import Client

from modelregistry import services
from modelregistry.artifacts import LocalFolder
from modelregistry.models import ModelVersion
from modelregistry.pieces import FileInPieces
from modelregistry.services.handing_out import artifact_of
from tests.modelregistry.trained import centroid_version, onnx_version, tree_file, tree_version

pytestmark = [pytest.mark.django_db]
VERSION = "/api/v1/models/plants/versions/1/"
DOWNLOAD = f"{VERSION}download/"


def whole(answer: HttpResponseBase) -> bytes:
    """What it holds, to the last piece: only then is the file closed."""
    assert answer.status_code == 200
    return b"".join(answer)  # type: ignore[arg-type]


@pytest.mark.parametrize(("form", "suffix"), [("source", "skops"), ("onnx", "onnx"), ("", "onnx")])
def test_the_file_comes_whole_with_its_digest_and_a_name(
    chief: Client, form: str, suffix: str
) -> None:
    version = tree_version()
    expected = version.source_sha256 if form == "source" else version.onnx_sha256
    answer = chief.get(DOWNLOAD, {"format": form} if form else {})
    assert answer["ETag"] == f'"{expected}"'
    assert answer["Content-Disposition"] == f'attachment; filename="plants-1.{suffix}"'
    assert answer["Content-Type"] == "application/octet-stream"
    content = whole(answer)
    assert sha256(content).hexdigest() == expected
    assert answer["Content-Length"] == str(len(content))


def test_the_source_is_what_was_handed_in(chief: Client) -> None:
    tree_version()
    assert whole(chief.get(DOWNLOAD, {"format": "source"})) == tree_file(2)


def test_without_a_format_it_is_what_serves(chief: Client) -> None:
    version = centroid_version()
    content = whole(chief.get(DOWNLOAD))
    assert sha256(content).hexdigest() == version.source_sha256


def test_what_came_as_onnx_is_the_same_in_both_forms(chief: Client) -> None:
    onnx_version("plants")
    onnx, source = (chief.get(DOWNLOAD, {"format": form}) for form in ("onnx", "source"))
    assert onnx["Content-Disposition"] == source["Content-Disposition"]
    assert whole(onnx) == whole(source)


def test_whoever_has_it_already_gets_no_second_copy(chief: Client) -> None:
    version = tree_version()
    etag = f'"{version.onnx_sha256}"'
    answer = chief.get(DOWNLOAD, headers={"If-None-Match": etag})
    assert (answer.status_code, answer.content, answer["ETag"]) == (304, b"", etag)
    assert whole(chief.get(DOWNLOAD, headers={"If-None-Match": '"other"'}))


@pytest.mark.parametrize("accept", ["application/octet-stream", "text/html", "*/*"])
def test_a_file_is_a_file_whatever_accept_says(chief: Client, accept: str) -> None:
    tree_version()
    assert whole(chief.get(DOWNLOAD, headers={"Accept": accept}))


def test_a_form_that_there_is_not_is_409_with_why(chief: Client) -> None:
    centroid_version()
    answer = chief.get(DOWNLOAD, {"format": "onnx"})
    assert (answer.status_code, answer.json()["code"]) == (409, "no_artifact")
    assert answer.json()["detail"] == (
        "plants:1 has no ONNX form; its source is at ?format=source."
    )


@pytest.mark.parametrize("state", ["pending", "validating", "converting", "rejected", "broken"])
def test_a_file_that_was_not_taken_is_given_to_nobody(chief: Client, state: str) -> None:
    tree_version()
    ModelVersion.objects.update(state=state)
    answer = chief.get(DOWNLOAD, {"format": "source"})
    assert (answer.status_code, answer.json()["code"]) == (409, "no_artifact")
    assert answer.json()["detail"] == f"plants:1 is {state}: its file is not given out."


@pytest.mark.parametrize("form", ["joblib", "", "ONNX", "json"])
def test_a_format_that_is_none_is_400(chief: Client, form: str) -> None:
    tree_version()
    answer = chief.get(DOWNLOAD, {"format": form})
    assert (answer.status_code, answer.json()["code"]) == (400, "malformed")


def test_what_is_not_there_is_404(chief: Client) -> None:
    tree_version()
    for path, code in (
        ("zebra/versions/1", "unknown_model"),
        ("plants/versions/2", "unknown_version"),
    ):
        answer = chief.get(f"/api/v1/models/{path}/download/")
        assert (answer.status_code, answer.json()["code"]) == (404, code)


def test_a_damaged_file_is_not_given_out(chief: Client) -> None:
    version = tree_version("plants", depth=3)
    backend = services.store().backend
    assert isinstance(backend, LocalFolder)
    path = backend.path(version.onnx_sha256)
    content = path.read_bytes()
    path.write_bytes(b"something else")
    try:
        answer = chief.get(DOWNLOAD)
        assert (answer.status_code, answer.json()["code"]) == (503, "damaged_artifact")
    finally:
        path.write_bytes(content)


def test_nobody_gets_a_file_without_a_key() -> None:
    tree_version()
    assert Client().get(DOWNLOAD).status_code == 401


def test_under_asgi_it_comes_in_pieces_too(monkeypatch: pytest.MonkeyPatch) -> None:
    version = tree_version()
    artifact = artifact_of(version, "onnx")

    async def pieces() -> list[bytes]:
        response = FileInPieces(services.store().open(artifact.sha256))
        found = [piece async for piece in response]
        response.close()
        return found

    monkeypatch.setattr(FileInPieces, "block_size", 100)
    found = asyncio.run(pieces())
    assert len(found) > 2
    assert sha256(b"".join(found)).hexdigest() == artifact.sha256
