"""Tables that are wider than their place: the list of versions is none, the others show it."""

import pytest
from playwright.sync_api import expect

from tests.web.browser import DARK, LIGHT, PHONE, Visitor
from tests.web.conftest import NewVisitor

pytestmark = [pytest.mark.browser, pytest.mark.stack]
VERSIONS = "/admin/modelregistry/modelversion/"
SCROLLED = """() => {
  const list = document.getElementById("result_list");
  return [...document.querySelectorAll("body *")].filter(
    (e) => e.contains(list) && getComputedStyle(e).overflowX !== "visible"
  ).map((e) => e.scrollWidth - e.clientWidth).filter((more) => more > 0);
}"""


def open_report(visitor: Visitor) -> None:
    visitor.visit(VERSIONS)
    visitor.page.get_by_role("link", name="iris:1").click()
    visitor.page.wait_for_url("**/modelversion/*/change/**")
    visitor.page.get_by_role("link", name="The whole report").click()
    visitor.page.wait_for_url("**/report/")
    visitor.page.wait_for_load_state("networkidle")


def test_the_list_of_versions_does_not_scroll_sideways(new_admin: NewVisitor) -> None:
    visitor = new_admin()
    visitor.visit(VERSIONS)
    visitor.picture("versions-width")
    expect(visitor.page.get_by_text("thresholds").first).to_be_visible()  # the longest word of all
    assert visitor.page.evaluate(SCROLLED) == []


@pytest.mark.parametrize("scheme", [LIGHT, DARK])
def test_on_a_phone_a_shadow_shows_that_a_table_goes_on(new_admin: NewVisitor, scheme: str) -> None:
    visitor = new_admin(scheme=scheme, width=PHONE)
    open_report(visitor)
    table = visitor.page.get_by_role("region", name="Rows by set")

    more, shadows = table.evaluate(
        "e => [e.scrollWidth - e.clientWidth, getComputedStyle(e).backgroundAttachment]"
    )

    visitor.picture("report-phone")
    assert visitor.overflow() == 0
    assert more > 0
    assert shadows == "local, local, scroll, scroll"
