"""Rows on a model's own thresholds do not block it; every door says how far apart answers are."""

import re
from io import StringIO
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.test import Client
from django.urls import reverse

from modelregistry.formats.rows import Rows
from modelregistry.models import ModelVersion
from tests.modelregistry.trained import houses, tree_version

pytestmark = pytest.mark.django_db


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    data, rows = houses()
    (tmp_path / "houses.skops").write_bytes(data)
    (tmp_path / "rows.csv").write_text(as_csv(rows))
    return tmp_path


def as_csv(rows: Rows) -> str:
    lines = [rows.columns, *rows.values]
    return "\n".join(",".join(map(str, line)) for line in lines)


def printed(*words: object) -> str:
    out = StringIO()
    call_command(*map(str, words), stdout=out)
    return out.getvalue()


def test_the_commands_the_api_and_the_admin_say_how_far_apart_they_are(folder: Path) -> None:
    samples = ("--samples", folder / "rows.csv")
    line = printed("register_model", folder / "houses.skops", "--model", "houses", *samples)
    version = ModelVersion.objects.select_related("model").get()
    proof = version.parity
    assert (proof["status"], proof["beyond"]) == ("match", 0)
    assert proof["max_abs_diff"] == proof["threshold_diff"] > 1000
    beside, largest = proof["on_threshold"], f"{proof['max_abs_diff']:,.0f}"
    assert line == (
        f"houses:1 ready on ONNX Runtime, parity match but for {beside} of 400 rows on thresholds "
        f"of the model (largest difference {largest})\n"
    )
    sentence = (
        f"{beside} of 400 rows lie within one float32 step of a split of the model: there the "
        f"answers differ by up to {largest}. They do not count against the match."
    )
    told = printed("convert_onnx", "houses")
    assert sentence in told
    assert f"Largest difference: {largest}" in told
    assert "Answers not within 0.0001, absolute or relative: 0" in told
    client = Client()
    client.force_login(User.objects.create_superuser("chief"))
    page = reverse("admin:modelregistry_modelversion_change", args=(version.pk,))
    shown = text(client.get(page).content.decode())
    assert sentence in shown
    assert f"match but for {beside} rows on thresholds" in shown
    assert f"samples 400 0 0 0 {beside} {largest}" in shown
    api = "/api/v1/models/houses/versions/1/"
    summary, report = client.get(api).json()["parity"], client.get(f"{api}report/").json()
    for answer in (summary, report):
        assert answer["on_threshold"] == beside
        assert answer["threshold_diff"] == proof["threshold_diff"]
    assert report["tolerance"] == 1e-4


def text(html: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", html).split())


def test_reports_made_before_that_was_kept_are_shown_still() -> None:
    version = tree_version()
    new = ("threshold_diff", "tolerance")
    old = {name: value for name, value in version.parity.items() if name not in new}
    ModelVersion.objects.update(parity=old)
    client = Client()
    client.force_login(User.objects.create_superuser("chief"))
    page = reverse("admin:modelregistry_modelversion_change", args=(version.pk,))
    assert client.get(page).status_code == 200
    parity = client.get("/api/v1/models/plants/versions/1/").json()["parity"]
    assert (parity["status"], parity["threshold_diff"]) == ("match", None)
