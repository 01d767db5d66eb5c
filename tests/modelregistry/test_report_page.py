"""A version's parity report on a page of its own: what it shows, of new reports and of old ones."""

import re
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import reverse

from modelregistry import services
from modelregistry.models import ModelVersion
from tests.modelregistry.trained import centroid_version, houses, onnx_version, tree_version

pytestmark = pytest.mark.django_db
NEW = (
    "mean_abs_diff", "p99_abs_diff", "histogram", "labels_on_threshold", "worst", "decides",
    "form", "allowed_mismatches", "tolerance", "threshold_diff",
)  # fmt: skip


@pytest.fixture
def chief() -> Client:
    client = Client()
    client.force_login(User.objects.create_superuser("chief"))
    return client


def address(version: ModelVersion, page: str = "report") -> str:
    return reverse(f"admin:modelregistry_modelversion_{page}", args=(version.pk,))


def shown(client: Client, where: str) -> str:
    """The page's own part, without tags."""
    answer = client.get(where)
    assert answer.status_code == 200
    return " ".join(re.sub(r"<[^>]+>", " ", answer.content.decode()).split())


def houses_version() -> ModelVersion:
    data, rows = houses()
    return services.register_version(
        model_name="houses", data=data, samples=rows, create_missing=True
    )


def test_it_shows_counts_spread_form_and_worst_rows(chief: Client) -> None:
    version = houses_version()
    told = shown(chief, address(version))
    samples, generated = version.parity["sets"]
    assert "400 rows decide, held against the model's budget: 0 labels and 0.0001" in told
    assert f"samples 400 0 0 0 {samples['on_threshold']}" in told
    assert f"generated, beside the budget {generated['rows']} " in told
    assert "Rows that decide none at all" in told
    assert "Precision FP32 Opset 21" in told
    assert re.search(r"1 row: ONNX is [\d,.]+ times as fast scikit-learn [\d.]+ ms ONNX", told)
    worst = samples["worst"][0]
    assert (
        f"{worst['row']} {worst['difference']:,.0f} {worst['source']:.9g} {worst['onnx']:.9g}"
        in told
    )
    assert f"area={worst['values'][0]}, rooms={worst['values'][1]}, city=" in told


def test_every_bar_has_its_figure_beside_it(chief: Client) -> None:
    html = chief.get(address(houses_version())).content.decode()
    bars = re.findall(
        r"<th scope=\"row\">[^<]+</th>\s*<td><svg aria-hidden.*?</td>\s*<td>(.*?)<", html
    )
    assert len(bars) == html.count("<svg aria-hidden") > 20
    assert all(figure.strip() for figure in bars)
    widths = [
        float(width) for width in re.findall(r'parity-(?:main|other|bad)" width="([\d.]+)%', html)
    ]
    assert max(widths) == 100.0
    assert min(widths) >= 0.0


def test_the_versions_page_leads_to_it_and_it_leads_to_the_json(chief: Client) -> None:
    version = tree_version()
    assert f'href="{address(version)}"' in chief.get(address(version, "change")).content.decode()
    html = chief.get(address(version)).content.decode()
    (json,) = re.findall(r'href="(/api/[^"]+)"', html)
    assert chief.get(json).json()["sets"] == version.parity["sets"]
    assert f'href="{address(version, "change")}"' in html


def stripped(report: Any) -> Any:
    """The report as it was kept before."""
    if isinstance(report, list):
        return [stripped(each) for each in report]
    if not isinstance(report, dict):
        return report
    kept = {name: stripped(value) for name, value in report.items() if name not in NEW}
    if "sets" in kept:
        kept["sets"] = [part for part in kept["sets"] if part["name"] != "generated"]
    return kept


def test_reports_made_earlier_are_shown_with_what_they_hold(chief: Client) -> None:
    version = houses_version()
    ModelVersion.objects.update(parity=stripped(version.parity))
    told = shown(chief, address(version))
    assert "samples 400 0 0 0" in told
    assert "- -" in told
    assert "How far answers differ" not in told
    assert "no row differs" not in told
    assert shown(chief, address(version, "change"))
    assert chief.get("/api/v1/models/houses/versions/1/").status_code == 200


@pytest.mark.parametrize("made", [centroid_version, onnx_version])
def test_where_nothing_was_compared_it_says_so(chief: Client, made: Any) -> None:
    assert "There is nothing to compare" in shown(chief, address(made()))


@pytest.mark.parametrize(
    ("state", "said"),
    [
        ("pending", "It is not checked yet, so there is no report. Its file waits to be checked."),
        ("validating", "It is not checked yet, so there is no report. Its file is being checked"),
        ("converting", "so there is no report. Its ONNX form is being made"),
        ("rejected", "Its file is not taken."),
        ("broken", "Its check ended without a verdict."),
    ],
)
def test_a_version_that_was_not_checked_has_no_report_and_says_why(
    chief: Client, state: str, said: str
) -> None:
    version = tree_version()
    unknown = {"runtime": "", "format": "", "signature": {}, "parity": {}}
    ModelVersion.objects.update(state=state, **unknown)
    told = shown(chief, address(version))
    assert said in told
    assert "only one form" not in told
    assert "as JSON" not in told  # there is none


def test_a_difference_that_is_not_finite_is_shown_as_such(chief: Client) -> None:
    version = tree_version()
    report = version.parity | {"max_abs_diff": None}
    report["sets"][0] |= {"max_abs_diff": None, "mean_abs_diff": None}
    ModelVersion.objects.update(parity=report)
    assert "not finite not finite" in shown(chief, address(version))


def test_values_of_rows_are_shown_as_text(chief: Client) -> None:
    version = houses_version()
    report = version.parity
    report["sets"][0]["worst"][0]["values"][2] = "<script>alert(1)</script>"
    ModelVersion.objects.update(parity=report)
    html = chief.get(address(version)).content.decode()
    assert "<script>alert(1)" not in html
    assert "&lt;script&gt;alert(1)" in html


def test_only_those_who_may_see_versions_see_it() -> None:
    version = tree_version()
    client = Client()
    assert client.get(address(version)).status_code == 302
    user = User.objects.create_user("staff", is_staff=True)
    client.force_login(user)
    assert client.get(address(version)).status_code == 403
    user.user_permissions.add(Permission.objects.get(codename="view_modelversion"))
    assert client.get(address(version)).status_code == 200


@pytest.mark.parametrize("unknown", ["999999", "no-number"])
def test_a_version_that_is_not_there_is_not_found(chief: Client, unknown: str) -> None:
    where = reverse("admin:modelregistry_modelversion_report", args=(unknown,))
    assert chief.get(where).status_code == 404
