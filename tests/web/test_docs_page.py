"""The API's documentation page: complete, usable, and without a request to anybody else."""

import pytest
from playwright.sync_api import expect

from tests.web.browser import LOOKS
from tests.web.conftest import NewVisitor

pytestmark = [pytest.mark.browser, pytest.mark.stack]


@pytest.mark.parametrize(("scheme", "width"), LOOKS)
def test_it_lists_the_routes_in_every_light_and_width(
    new_visitor: NewVisitor, scheme: str, width: int
) -> None:
    visitor = new_visitor(scheme=scheme, width=width)

    visitor.visit("/api/v1/docs/")
    visitor.page.locator(".opblock").first.wait_for()

    visitor.picture("docs")
    assert visitor.overflow() == 0
    for path in ("/predict-async", "/api/v1/models/{name}/predict", "/readyz"):
        # Swagger UI puts a zero-width space where a long path may break.
        shown = visitor.page.locator(f'.opblock-summary-path[data-path="{path}"]')
        expect(shown, path).to_be_visible()


def test_a_route_can_be_tried_there(new_visitor: NewVisitor) -> None:
    visitor = new_visitor()
    visitor.visit("/api/v1/docs/")
    route = visitor.page.locator(
        ".opblock", has=visitor.page.locator('[data-path="/predict-async"]')
    )

    route.locator(".opblock-summary-control").click()
    route.get_by_role("button", name="Try it out").click()
    route.get_by_role("button", name="Execute").click()
    answer = route.locator(".live-responses-table .response-col_description")
    answer.get_by_text("asynchronous").wait_for()

    visitor.picture("docs-tried")
    status = route.locator(".live-responses-table .response-col_status").last
    expect(status).to_have_text("200", use_inner_text=True)
