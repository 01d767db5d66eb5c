"""Two versions side by side in a real browser, and what a version's page tells of its rows."""

from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Page, expect
from sklearn.compose import ColumnTransformer
from sklearn.datasets import load_diabetes
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from modelregistry.examples.training import CHURN_COLUMNS, churn_table
from modelregistry.formats.kept import KeptRows
from modelregistry.formats.rows import Rows
from modelregistry.formats.skops_format import save_estimator
from modelregistry.formats.spreadsheet import as_csv
from tests.running import Stack, manage
from tests.web.browser import LOOKS, Visitor
from tests.web.conftest import NewVisitor
from tests.web.watching import live, state_in

pytestmark = [pytest.mark.browser, pytest.mark.stack, pytest.mark.timeout(600)]
MODELS = "/admin/modelregistry/registeredmodel/"
ARCHIVE = (
    "from django.utils import timezone;"
    "from modelregistry.models import RegisteredModel as M;"
    "[(setattr(m, 'archived_at', timezone.now()), m.save()) "
    "for m in M.objects.filter(name__in=('leavers', 'progress', 'lonely'))]"
)
OLD_LIBRARIES = (
    "from modelregistry.models import ModelVersion as V;"
    "v = V.objects.get(model__name='leavers', number=1);"
    "made = v.library_versions | {'scikit-learn': '1.2.0', 'numpy': v.library_versions['numpy']"
    ".rpartition('.')[0] + '.999'};"
    "V.objects.filter(pk=v.pk).update(library_versions=made)"
)
LETTERS = 9  # pixels: their height
INKS = """() => {
  const axes = Object.values(Chart.getChart(document.querySelector("canvas.chart")).scales);
  const ink = getComputedStyle(document.body).color;
  return [...new Set(axes.map((axis) => axis.options.ticks.color === ink))];
}"""
GAPS = """() => {
  const { y } = Chart.getChart(document.querySelector("canvas.chart")).scales;
  const places = y.ticks.flatMap((tick, i) => tick.label ? [y.getPixelForTick(i)] : []);
  return places.slice(1).map((place, i) => Math.abs(place - places[i]));
}"""


@pytest.fixture(scope="module")
def versions(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Two models with two versions each and one with one; archived afterwards."""
    folder = tmp_path_factory.mktemp("versions")
    rows, targets = churn_table(np.random.default_rng(3), count=400)
    table = Rows.of(rows, columns=CHURN_COLUMNS, targets=targets)
    for depth in (2, 6):
        prepare = ColumnTransformer(
            [("words", OneHotEncoder(handle_unknown="ignore"), [2, 3])], remainder="passthrough"
        )
        tree = DecisionTreeClassifier(max_depth=depth, random_state=0)
        register(stack, folder, "leavers", make_pipeline(prepare, tree).fit(rows, targets), table)
    data = load_diabetes()
    table = Rows.of(data.data, columns=data.feature_names, targets=data.target)
    for model in (Ridge(), DecisionTreeRegressor(max_depth=4, random_state=0)):
        register(stack, folder, "progress", model.fit(data.data, data.target), table)
    register(stack, folder, "lonely", Ridge().fit(data.data, data.target), table)
    assert manage(stack.data_dir, "promote_model", "leavers:1").returncode == 0
    assert manage(stack.data_dir, "shell", "-v0", "-c", OLD_LIBRARIES).returncode == 0
    yield
    assert manage(stack.data_dir, "shell", "-v0", "-c", ARCHIVE).returncode == 0


def register(stack: Stack, folder: Path, name: str, model: object, rows: Rows) -> None:
    file, samples = folder / "model.skops", folder / "samples.csv"
    file.write_bytes(save_estimator(model))
    kept = KeptRows(BytesIO(rows.to_json()))
    samples.write_bytes(b"".join(as_csv(kept, target="answer")))
    flags = ("--model", name, "--samples", str(samples), "--target", "answer")
    done = manage(stack.data_dir, "register_model", str(file), *flags)
    assert done.returncode == 0, done.stderr


def to_comparison(visitor: Visitor, name: str) -> Page:
    """From the list of models, by the button of the model's page."""
    page = visitor.page
    visitor.visit(MODELS)
    page.get_by_role("link", name=name, exact=True).click()
    page.wait_for_url("**/registeredmodel/*/change/")
    page.wait_for_load_state("networkidle")
    button = page.locator("a[href$='/compare/']").first  # in a menu, where the window is narrow
    address = button.get_attribute("href")
    assert address is not None
    visitor.visit(address)
    return page


def compared(visitor: Visitor, name: str) -> Page:
    page = to_comparison(visitor, name)
    page.get_by_role("button", name="Compare their answers").click()
    page.wait_for_url("**/admin/jobs/job/*/change/")
    live(page)
    state_in(page.locator("#job"), "succeeded")
    expect(page.get_by_role("region", name="Result")).to_contain_text("Answered alike")
    return page


def drawn(page: Page) -> None:
    """Every plot there is, which is one at least."""
    page.wait_for_function(
        "() => (found => found.length && found.every(c => Chart.getChart(c)))"
        "([...document.querySelectorAll('canvas.chart')])"
    )


@pytest.mark.parametrize(("scheme", "width"), LOOKS)
def test_two_classifiers_side_by_side_read_well_in_every_light_and_width(
    new_admin: NewVisitor, versions: None, scheme: str, width: int
) -> None:
    visitor = new_admin(scheme=scheme, width=width)

    page = to_comparison(visitor, "leavers")
    visitor.picture("compare-page")
    too_wide = {"page": visitor.overflow()}
    chosen = page.get_by_label("This version").locator("option:checked")
    expect(chosen).to_have_text("version 1, champion")
    page = compared(visitor, "leavers")
    drawn(page)
    visitor.picture("compare-labels")
    too_wide["labels"] = visitor.overflow()
    assert page.evaluate(INKS) == [True]
    assert min(page.evaluate(GAPS)) > LETTERS

    result = page.get_by_role("region", name="Result")
    expect(result.locator("canvas.chart")).to_have_count(1)
    expect(result.get_by_role("table")).to_have_count(3)
    assert set(too_wide.values()) == {0}, too_wide


@pytest.mark.parametrize(("scheme", "width"), LOOKS)
def test_two_regressions_side_by_side_read_well_in_every_light_and_width(
    new_admin: NewVisitor, versions: None, scheme: str, width: int
) -> None:
    visitor = new_admin(scheme=scheme, width=width)

    page = compared(visitor, "progress")
    drawn(page)
    visitor.picture("compare-numbers")

    expect(page.locator("canvas.chart")).to_have_count(2)
    expect(page.get_by_role("region", name="Rows they disagree on most")).to_have_count(1)
    assert visitor.overflow() == 0
    page.get_by_role("link", name="These two side by side").click()
    page.wait_for_url("**/compare/?a=1&b=2")
    expect(page.locator("#content")).to_contain_text("Compared before")


@pytest.mark.parametrize(("scheme", "width"), LOOKS)
def test_a_version_shows_its_rows_and_warns_of_other_libraries(
    new_admin: NewVisitor, stack: Stack, versions: None, scheme: str, width: int
) -> None:
    visitor = new_admin(scheme=scheme, width=width)
    page = visitor.page

    visitor.visit("/admin/modelregistry/modelversion/?q=leavers")
    visitor.picture("versions-with-other-libraries")
    too_wide = {"list": visitor.overflow()}
    expect(page.get_by_text("other libraries").filter(visible=True)).to_have_count(1)
    page.get_by_role("link", name="leavers:1").click()
    page.wait_for_url("**/modelversion/*/change/**")
    page.wait_for_load_state("networkidle")
    visitor.picture("version-rows")
    too_wide["version"] = visitor.overflow()

    expect(page.get_by_text("It was made with scikit-learn 1.2.0")).to_be_visible()
    rows = page.get_by_role("region", name="First samples rows")
    expect(rows.get_by_role("row")).to_have_count(11)
    address = page.get_by_role("link", name="Download as CSV").get_attribute("href")
    assert address is not None
    lines = page.request.get(f"{stack.base_url}{address}").text().splitlines()
    assert (lines[0], len(lines)) == (",".join((*CHURN_COLUMNS, "target")), 401)
    assert set(too_wide.values()) == {0}, too_wide


def test_a_model_with_one_version_explains_itself(new_admin: NewVisitor, versions: None) -> None:
    visitor = new_admin()

    page = visitor.page

    visitor.visit(MODELS)
    page.get_by_role("link", name="lonely", exact=True).click()
    page.wait_for_url("**/registeredmodel/*/change/")
    page.wait_for_load_state("networkidle")
    visitor.picture("model-with-compare")
    page.get_by_role("link", name="Compare", exact=False).filter(visible=True).last.click()
    page.wait_for_url("**/compare/")
    page.wait_for_load_state("networkidle")

    visitor.picture("compare-alone")
    expect(page.get_by_text("Only version 1 of lonely is ready")).to_be_visible()
