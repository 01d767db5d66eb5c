"""The parity report as staff see it, in both looks, wide and on a phone."""

import pytest
from playwright.sync_api import expect

from tests.web.browser import LOOKS
from tests.web.conftest import NewVisitor

pytestmark = [pytest.mark.browser, pytest.mark.stack]
BARS = """bars => bars.map(bar => {
  const box = bar.getBoundingClientRect();
  return [Math.round(box.width), getComputedStyle(bar).fill];
})"""


@pytest.mark.parametrize(("scheme", "width"), LOOKS)
def test_the_report_is_reached_from_a_version_and_fits_the_window(
    new_admin: NewVisitor, scheme: str, width: int
) -> None:
    visitor = new_admin(scheme=scheme, width=width)
    page = visitor.page
    visitor.visit("/admin/modelregistry/modelversion/")
    page.get_by_role("link", name="diabetes:1").first.click()
    page.wait_for_url("**/modelversion/*/change/")
    page.get_by_role("link", name="The whole report").click()
    page.wait_for_url("**/modelversion/*/report/")
    page.wait_for_load_state("networkidle")

    visitor.picture("parity-report")
    assert visitor.overflow() == 0
    for part in ("Verdict", "Counts", "Differences", "The ONNX form", "Worst rows"):
        expect(page.get_by_role("region", name=part, exact=True)).to_be_visible()
    drawn = page.locator(".parity-main").evaluate_all(BARS)
    assert max(bar for bar, _ in drawn) > 80
    assert all(fill not in ("rgb(0, 0, 0)", "none") for _, fill in drawn)


def test_the_convert_dialog_offers_precision_and_opset(new_admin: NewVisitor) -> None:
    visitor = new_admin()
    page = visitor.page
    visitor.visit("/admin/modelregistry/modelversion/")
    page.get_by_role("link", name="iris:1").first.click()
    page.wait_for_url("**/modelversion/*/change/")
    page.wait_for_load_state("networkidle")

    page.get_by_role("link", name="Convert").click()

    page.get_by_label("Precision").wait_for()
    visitor.picture("convert-dialog")
    page.get_by_label("Opset").press_sequentially("1e")  # a field of numbers would send nothing
    page.locator("#dialog").get_by_role("button", name="Convert").click()
    page.get_by_text("Enter a whole number.").wait_for()
