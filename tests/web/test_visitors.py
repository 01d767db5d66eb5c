"""What the browser of these tests takes for a fault: what a page does wrong, not who leaves it."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Route

from tests.running import Stack
from tests.web.browser import Visitor, visitor

pytestmark = [pytest.mark.browser, pytest.mark.stack]
SLOW, NEXT = "/static/slow.woff2", "/api/v1/docs/"
ASK = """(path) => {
  window.asking = new AbortController();
  fetch(path, { signal: window.asking.signal }).catch(() => {});
}"""


@pytest.fixture
def held() -> list[Route]:
    return []


@pytest.fixture
def waiting(browser: Browser, stack: Stack, held: list[Route]) -> Iterator[Visitor]:
    """Somebody whose page has asked for what does not come."""

    def hold(route: Route) -> None:
        held.append(route)

    one = visitor(browser, stack.base_url)
    one.visit("/")
    one.page.route(f"**{SLOW}", hold)
    with one.page.expect_request(f"**{SLOW}"):
        one.page.evaluate(ASK, SLOW)
    yield one
    one.page.context.close()


def test_what_leaving_a_page_cuts_off_is_no_fault(waiting: Visitor) -> None:
    with waiting.page.expect_event("requestfailed"):
        waiting.visit(NEXT)

    assert waiting.faults == []


def test_what_fails_while_its_page_is_being_left_is_a_fault(
    waiting: Visitor, held: list[Route]
) -> None:
    def fail_it_first(route: Route) -> None:
        with waiting.page.expect_event("requestfailed"):  # left before, it could be cut off, too
            held[0].abort("connectionreset")
        route.continue_()

    waiting.page.route(f"**{NEXT}", fail_it_first)
    waiting.visit(NEXT)

    assert f"failed: {waiting.base_url}{SLOW} net::ERR_CONNECTION_RESET" in waiting.faults


def test_what_a_page_cuts_off_itself_is_a_fault(waiting: Visitor) -> None:
    with waiting.page.expect_event("requestfailed"):
        waiting.page.evaluate("window.asking.abort()")

    assert waiting.faults == [f"failed: {waiting.base_url}{SLOW} net::ERR_ABORTED"]


def test_what_the_next_page_cuts_off_is_a_fault_again(waiting: Visitor) -> None:
    waiting.visit(NEXT)
    with waiting.page.expect_request(f"**{SLOW}"):
        waiting.page.evaluate(ASK, SLOW)

    with waiting.page.expect_event("requestfailed"):
        waiting.page.evaluate("window.asking.abort()")

    assert waiting.faults == [f"failed: {waiting.base_url}{SLOW} net::ERR_ABORTED"]
