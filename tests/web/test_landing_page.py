"""The landing page: requests to paste, for every eye and every hand."""

import re

import httpx
import pytest
from playwright.sync_api import expect

from mlapi.examples import GROUPS
from tests.running import Stack
from tests.web.browser import LOOKS
from tests.web.conftest import NewVisitor

pytestmark = [pytest.mark.browser, pytest.mark.stack]
EXAMPLES = [example for group in GROUPS for example in group.examples]

# Every text's contrast with the nearest ground that has a colour, by WCAG's formula.
LEAST_CONTRAST = """() => {
  const rgb = (text) => text.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => [r, g, b].map((v) => v / 255)
    .map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4))
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const ground = (element) => {
    for (let e = element; e; e = e.parentElement) {
      const colour = rgb(getComputedStyle(e).backgroundColor);
      if (colour.length < 4 || colour[3] === 1) return colour;
    }
    return [255, 255, 255];
  };
  const texts = [...document.querySelectorAll("body *")].filter((e) =>
    e.checkVisibility() && [...e.childNodes].some((n) => n.nodeType === 3 && n.data.trim()));
  return Math.min(...texts.map((e) => {
    const [a, b] = [light(rgb(getComputedStyle(e).color)), light(ground(e))];
    return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
  }));
}"""


@pytest.mark.parametrize(("scheme", "width"), LOOKS)
def test_it_reads_well_in_every_light_and_width(
    new_visitor: NewVisitor, scheme: str, width: int
) -> None:
    visitor = new_visitor(scheme=scheme, width=width)

    visitor.visit("/")

    visitor.picture("landing")
    assert visitor.overflow() == 0
    assert visitor.page.evaluate(LEAST_CONTRAST) >= 4.5
    expect(visitor.page.get_by_role("heading", level=1)).to_be_visible()


def test_it_shows_every_example_with_this_servers_address(
    new_visitor: NewVisitor, stack: Stack
) -> None:
    visitor = new_visitor()

    visitor.visit("/")

    shown = visitor.page.locator("code[id$=-command]").all_text_contents()
    assert shown == [example.command(stack.base_url) for example in EXAMPLES]


def test_what_it_links_to_answers(new_visitor: NewVisitor) -> None:
    visitor = new_visitor()
    visitor.visit("/")

    links = visitor.page.locator("nav a").evaluate_all("links => links.map(link => link.href)")

    assert len(links) == 4
    answers = {link: httpx.get(link, follow_redirects=True, timeout=30) for link in links}
    assert {link: a.status_code for link, a in answers.items()} == dict.fromkeys(links, 200)


def test_the_keyboard_copies_a_request(new_visitor: NewVisitor, stack: Stack) -> None:
    visitor = new_visitor()
    visitor.visit("/")
    keyboard = visitor.page.keyboard

    visitor.page.locator("nav a").last.focus()
    keyboard.press("Tab")
    outline = visitor.focus_outline()
    keyboard.press("Enter")
    visitor.page.get_by_text("Copied", exact=True).wait_for()

    assert outline >= 2
    copied = visitor.page.evaluate("navigator.clipboard.readText()")
    assert copied == EXAMPLES[0].command(stack.base_url)
    expect(visitor.page.get_by_role("status")).to_have_text("Request to /predict-sync copied")


def test_tab_goes_through_the_page_in_reading_order(new_visitor: NewVisitor) -> None:
    visitor = new_visitor()
    visitor.visit("/")

    seen = []
    for _ in range(6):
        visitor.page.keyboard.press("Tab")
        text: str = visitor.page.evaluate("document.activeElement.innerText")
        seen.append(text.splitlines()[0])
        assert visitor.focus_outline() >= 2, text

    assert seen == ["Skip to the requests", "Admin", "API docs", "Health", "Metrics", "Copy"]


def test_without_javascript_the_requests_are_there_and_dead_buttons_are_not(
    new_visitor: NewVisitor, stack: Stack
) -> None:
    page = httpx.get(f"{stack.base_url}/").text

    assert not re.search(r"<script(?![^>]*\bsrc=)", page), "no inline script"
    assert page.count('class="copy" type="button" hidden') == len(EXAMPLES)
    assert f"curl -s {stack.base_url}/predict-async" in page
