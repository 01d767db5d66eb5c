"""A version's page, its model's and the form that hands one in, as they look."""

import json
import re
from urllib.parse import urlsplit

import httpx
import pytest
from playwright.sync_api import expect

from tests.modelregistry.trained import tree_file
from tests.running import Stack, until
from tests.web.browser import LOOKS, PHONE
from tests.web.conftest import NewVisitor

pytestmark = [pytest.mark.browser, pytest.mark.stack, pytest.mark.timeout(240)]
WORDS = {
    "commit": "9f1c2d7", "data": {"from": "2026-01", "rows": 150}, "a-word-without-end": "x" * 300,
}  # fmt: skip
LINE = 32  # pixels that a line of a field of text may have


@pytest.fixture(scope="module")
def words(stack: Stack, key: str) -> None:
    """A version with words of its uploader's."""
    headers = {"Authorization": f"Bearer {key}"}
    models = f"{stack.base_url}/api/v1/models/"
    httpx.post(models, json={"name": "worded"}, headers=headers).raise_for_status()
    posted = httpx.post(
        f"{models}worded/versions/",
        files={"file": tree_file()},
        data={"metadata": json.dumps(WORDS)},
        headers=headers,
    )
    assert posted.status_code == 202, posted.text
    place = f"{models}worded/versions/1/"
    until(
        lambda: httpx.get(place, headers=headers).json()["state"] == "ready",
        90,
        "a checked version",
    )


@pytest.mark.parametrize(("scheme", "width"), LOOKS)
def test_words_and_forms_fit_the_page(
    new_admin: NewVisitor, words: None, scheme: str, width: int
) -> None:
    ada = new_admin(scheme=scheme, width=width)
    ada.visit("/admin/modelregistry/modelversion/?q=worded")
    ada.page.get_by_role("link", name="worded:1").first.click()
    ada.page.wait_for_url("**/modelversion/*/change/**")
    told = ada.page.locator(".version-metadata")
    expect(told).to_contain_text("9f1c2d7")
    expect(told).to_contain_text('{"from": "2026-01", "rows": 150}')
    expect(ada.page.locator("h1")).to_contain_text("worded:1")  # as it is written
    assert ada.overflow() == 0
    ada.picture("version-page")
    ada.visit("/admin/modelregistry/registeredmodel/?q=worded")
    ada.page.get_by_role("link", name="worded", exact=True).click()
    ada.page.wait_for_url("**/registeredmodel/*/change/**")
    field = ada.page.get_by_label("Description").bounding_box()
    assert field is not None
    assert field["height"] < 4 * LINE
    assert ada.overflow() == 0
    ada.picture("model-page")
    ada.visit("/admin/modelregistry/registeredmodel/hand-in/")
    assert ada.overflow() == 0
    ada.picture("hand-in-page")


def test_a_history_has_its_headings_once(new_admin: NewVisitor, words: None) -> None:
    labels = """() => [...document.querySelectorAll("tbody [data-label]")].map(
        cell => getComputedStyle(cell, "::before").display)"""
    ada = new_admin()
    ada.visit("/admin/modelregistry/registeredmodel/?q=worded")
    ada.page.get_by_role("link", name="worded", exact=True).click()
    ada.page.wait_for_url("**/registeredmodel/*/change/**")
    ada.page.get_by_label("Description").fill("What words are for.")
    ada.page.get_by_role("button", name="Save and continue editing").click()
    expect(ada.page.get_by_text("was changed successfully")).to_be_visible()
    ada.visit(re.sub(r"change/.*", "history/", urlsplit(ada.page.url).path))
    expect(ada.page.get_by_text("Changed Description.")).to_be_visible()
    shown = ada.page.evaluate(labels)
    assert shown
    assert set(shown) == {"none"}  # the table's own headings are there
    ada.page.set_viewport_size({"width": PHONE, "height": 900})
    assert "none" not in ada.page.evaluate(labels)


def test_short_facts_of_a_version_stay_on_their_line(new_admin: NewVisitor, words: None) -> None:
    ada = new_admin()
    ada.visit("/admin/modelregistry/modelversion/")
    for fact in ("runtime", "created_at", "creator"):
        cell = ada.page.locator(f"#result_list .field-{fact}").first
        assert cell.evaluate("cell => getComputedStyle(cell).whiteSpace") == "nowrap"
    assert ada.overflow() == 0
