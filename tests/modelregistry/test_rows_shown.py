"""The rows of a version: the first ones on its page, all of them for a spreadsheet."""

import csv
import io
import re
import time

import numpy as np
import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import reverse

from modelregistry import services
from modelregistry.errors import DamagedArtifact
from modelregistry.formats import kept as kept_rows
from modelregistry.formats.kept import KeptRows
from modelregistry.formats.rows import Rows
from modelregistry.formats.runtime import FormatError
from modelregistry.formats.spreadsheet import as_csv
from modelregistry.models import ModelVersion
from modelregistry.retraining import check_retrainable
from tests.modelregistry.trained import ROWS, SAMPLES, TARGETS, tree_file, tree_version

MANY = 100_000
WITHIN_S = 5.0
MOST_MEMORY = 4_000_000


def kept(rows: Rows) -> KeptRows:
    return KeptRows(io.BytesIO(rows.to_json()))


def cells(rows: Rows, target: str = "target") -> list[list[str]]:
    text = b"".join(as_csv(kept(rows), target=target)).decode()
    return list(csv.reader(io.StringIO(text, newline="")))


def test_the_first_rows_are_those_that_were_kept() -> None:
    found = kept(SAMPLES)
    assert len(found) == 150
    assert found.first(3) == SAMPLES.at(range(3))
    assert found.first(1000) == SAMPLES
    assert list(found.each()) == list(SAMPLES.values)


def test_the_first_of_many_rows_are_there_soon() -> None:
    generator = np.random.default_rng(0)
    data = Rows.of(generator.normal(size=(MANY, 10)), targets=np.zeros(MANY)).to_json()
    started = time.perf_counter()
    found = KeptRows(io.BytesIO(data))
    assert (len(found), len(found.first(10))) == (MANY, 10)
    assert time.perf_counter() - started < WITHIN_S


NASTY = ('"', "]", "],[", '\\"]', "\\", "é\u2028", ",", "null", "", "[1,2]", "\n\r\0")


@pytest.mark.parametrize("piece", [1, 2, 3, 7, 1 << 18])
def test_every_row_is_found_wherever_a_piece_of_the_file_ends(
    monkeypatch: pytest.MonkeyPatch, piece: int
) -> None:
    monkeypatch.setattr(kept_rows, "PIECE_BYTES", piece)
    rows = Rows(
        columns=("a[", 'b"]', "c"),
        values=tuple((text, number, None) for number, text in enumerate(NASTY)),
        targets=NASTY,
    )
    for part in (rows, rows.at(()), rows.at((2,)), Rows(columns=("x",), values=((1,), (-2.5,)))):
        found = kept(part)
        assert (len(found), found.first(1000)) == (len(part), part)
        assert found.first(1) == part.at(range(min(1, len(part))))
    assert [line[:-1] for line in cells(rows)[1:]] == [
        [_as_text(text), str(number), ""] for number, text in enumerate(NASTY)
    ]


def _as_text(cell: str) -> str:
    return f"'{cell}" if cell.startswith(("=", "+", "-", "@", "\t", "\r")) else cell


def test_a_row_longer_than_a_piece_of_the_file_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept_rows, "PIECE_BYTES", 16)
    rows = Rows(columns=("a", "b"), values=(("x" * 5000, 1), ("y", 2)))
    assert kept(rows).first(9) == rows


OTHER_ORDER = b'{"values":[[1]],"columns":["a"],"targets":[0]}'
OTHER_NAMES = b'{"columns":[1,2],"values":[[1,2]],"targets":null}'
OTHER_ROWS = b'{"columns":["a"],"values":[[{}]],"targets":null}'
FEWER_TARGETS = b'{"columns":["a"],"values":[[1],[2]],"targets":[0]}'


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{}",
        b'{"columns":["a"],"values":[[1],',
        b"[" * 1000,
        OTHER_ORDER,
        OTHER_NAMES,
        b'{"columns":["\xff"],"values":[],"targets":null}',
    ],
)
def test_what_was_not_kept_by_us_is_refused_and_its_file_closed(data: bytes) -> None:
    file = io.BytesIO(data)
    with pytest.raises(FormatError, match="not written as they are kept"):
        KeptRows(file)
    assert file.closed


def test_a_row_or_a_target_that_is_none_is_refused_where_it_comes() -> None:
    with pytest.raises(FormatError, match="not written as they are kept"):
        KeptRows(io.BytesIO(OTHER_ROWS)).first(1)
    none = OTHER_ROWS.replace(b"null", b"[{}]")
    with pytest.raises(FormatError, match="not written as they are kept"):
        list(KeptRows(io.BytesIO(none)).targets())


@pytest.fixture
def chief(client: Client) -> Client:
    client.force_login(User.objects.create_superuser("chief"))
    return client


def page(version: ModelVersion) -> str:
    return reverse("admin:modelregistry_modelversion_change", args=(version.pk,))


def download(version: ModelVersion, which: str = "samples") -> str:
    return reverse("admin:modelregistry_modelversion_rows", args=(version.pk, which))


def csv_of(client: Client, version: ModelVersion, which: str = "samples") -> bytes:
    answer = client.get(download(version, which))
    assert answer.status_code == 200
    return b"".join(answer)  # type: ignore[arg-type]


def seen(client: Client, address: str) -> str:
    answer = client.get(address)
    assert answer.status_code == 200
    return " ".join(re.sub(r"<[^>]+>", " ", answer.content.decode()).split())


@pytest.mark.django_db
def test_a_version_shows_its_first_rows_and_marks_the_target(chief: Client) -> None:
    version = tree_version()
    shown = seen(chief, page(version))
    assert "150 rows, handed in with their targets: a retraining learns from them." in shown
    assert "x0 x1 x2 x3 target 5.1 3.5 1.4 0.2 0 " in shown
    assert "The first 10 of 150." in shown
    assert "Held-out rows none: its metrics were not measured" in shown
    assert download(version) in chief.get(page(version)).content.decode()


@pytest.mark.django_db
def test_rows_that_were_held_out_have_a_table_of_their_own(chief: Client) -> None:
    version = services.register_version(
        model_name="plants",
        data=tree_file(),
        samples=SAMPLES,
        heldout=SAMPLES.at((0, 50, 100)),
        create_missing=True,
    )
    shown = seen(chief, page(version))
    assert "3 rows, not learned from: its metrics were measured on them." in shown
    lines = csv_of(chief, version, "held-out").decode().splitlines()
    assert lines == ["x0,x1,x2,x3,target", *(_line(at) for at in (0, 50, 100))]


def _line(at: int) -> str:
    return ",".join(map(str, (*ROWS[at], TARGETS[at])))


@pytest.mark.django_db
def test_a_version_without_rows_says_so(chief: Client) -> None:
    version = services.register_version(model_name="bare", data=tree_file(), create_missing=True)
    assert "none were handed in: there is nothing to retrain on" in seen(chief, page(version))
    assert chief.get(download(version)).status_code == 404
    assert chief.get(download(version, "others")).status_code == 404


@pytest.mark.django_db
def test_damaged_rows_are_told_and_the_rest_of_the_page_is_there(chief: Client) -> None:
    version = tree_version()
    services.store().backend.path(version.samples_sha256).write_bytes(b"damaged")
    try:
        assert "was altered on disk." in seen(chief, page(version))
        answer = chief.get(download(version))
        assert (answer.status_code, b"was altered on disk." in answer.content) == (503, True)
    finally:
        services.store().put(SAMPLES.to_json())


def with_rows(data: bytes) -> ModelVersion:
    """A version whose rows are these, whole, whoever wrote them."""
    tree_version()
    ModelVersion.objects.update(samples_sha256=services.store().put(data))
    return ModelVersion.objects.get()


@pytest.mark.django_db
@pytest.mark.parametrize("data", [OTHER_ORDER, OTHER_NAMES])
def test_rows_written_in_another_way_are_told_and_the_rest_of_the_page_is_there(
    chief: Client, data: bytes
) -> None:
    version = with_rows(data)
    assert "holds no rows as they are kept." in seen(chief, page(version))
    answer = chief.get(download(version))
    assert (answer.status_code, b"holds no rows" in answer.content) == (503, True)
    with pytest.raises(DamagedArtifact, match="holds no rows as they are kept"):
        check_retrainable(version, taught=False)


@pytest.mark.django_db
@pytest.mark.parametrize("data", [OTHER_ROWS, FEWER_TARGETS])
def test_rows_that_turn_out_to_be_none_are_told_on_the_page(chief: Client, data: bytes) -> None:
    assert "Sample rows" in seen(chief, page(with_rows(data)))


@pytest.mark.django_db
@pytest.mark.parametrize("data", [b"{}", b"rows", OTHER_ROWS, FEWER_TARGETS])
def test_what_holds_no_rows_is_damaged_for_those_who_read_all(data: bytes) -> None:
    with pytest.raises(DamagedArtifact, match="holds no rows"):
        services.sample_rows(with_rows(data))


@pytest.mark.django_db
def test_the_target_has_the_name_it_was_handed_in_with(chief: Client) -> None:
    version = tree_version()
    ModelVersion.objects.update(handed_in={"samples": "0" * 64, "target": "species"})
    assert "species (target)" in seen(chief, page(version))
    answer = chief.get(download(version))
    assert b"".join(answer).startswith(b"x0,x1,x2,x3,species\r\n")
    assert answer["Content-Disposition"] == 'attachment; filename="plants-1-samples.csv"'


@pytest.mark.django_db
def test_rows_are_for_those_who_may_view_versions(client: Client) -> None:
    version = tree_version()
    clerk = User.objects.create_user("clerk", is_staff=True)
    client.force_login(clerk)
    assert client.get(download(version)).status_code == 403
    clerk.user_permissions.set(Permission.objects.filter(codename="view_modelversion"))
    assert csv_of(client, version).count(b"\r\n") == 151
