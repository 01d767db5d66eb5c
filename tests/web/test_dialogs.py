"""What the keyboard does in the dialogs behind buttons, and beside the search in the sidebar."""

import pytest
from playwright.sync_api import expect

from tests.web.browser import LOOKS, WIDE, Visitor
from tests.web.conftest import NewVisitor
from tests.web.test_moving_pages import open_model, press

pytestmark = [pytest.mark.browser, pytest.mark.stack]
BEHIND = "!document.activeElement.matches('body, dialog *')"


@pytest.mark.parametrize(("scheme", "width"), LOOKS)
def test_a_dialog_has_its_name_and_takes_the_focus(
    new_admin: NewVisitor, scheme: str, width: int
) -> None:
    visitor = new_admin(scheme=scheme, width=width)
    open_model(visitor, "iris")

    press(visitor, "Load test")

    dialog = visitor.page.get_by_role("dialog", name="Load test")
    expect(dialog.get_by_label("Requests")).to_be_focused()
    visitor.picture("dialog")
    assert visitor.overflow() == 0


def test_tab_stays_in_front_and_escape_gives_the_focus_back(new_admin: NewVisitor) -> None:
    visitor = new_admin()
    open_model(visitor, "iris")
    press(visitor, "Load test")
    dialog = visitor.page.get_by_role("dialog")
    expect(dialog).to_be_visible()

    behind = []
    for _ in range(8):
        visitor.page.keyboard.press("Tab")
        behind.append(visitor.page.evaluate(BEHIND))
    visitor.page.keyboard.press("Escape")

    assert behind == [False] * 8
    expect(dialog).to_be_hidden()
    expect(visitor.page.locator("a[hx-get*=load-test]").filter(visible=True)).to_be_focused()


@pytest.mark.parametrize("way", ["Cancel", "the ground behind it"])
def test_a_dialog_that_was_closed_opens_again(new_admin: NewVisitor, way: str) -> None:
    visitor = new_admin()
    open_model(visitor, "iris")
    dialog = visitor.page.get_by_role("dialog")
    for _ in range(2):
        press(visitor, "Load test")
        expect(dialog).to_be_visible()
        close(visitor, way)
        expect(dialog).to_be_hidden()


def close(visitor: Visitor, way: str) -> None:
    if way == "Cancel":
        visitor.page.locator("#dialog").get_by_text("Cancel").click()
    else:
        visitor.page.mouse.click(WIDE - 5, 5)


def test_a_letter_in_a_field_of_choices_is_not_the_way_to_the_search(
    new_admin: NewVisitor,
) -> None:
    visitor = new_admin()
    visitor.page.keyboard.press("t")
    expect(visitor.page.locator("#nav-filter")).to_be_focused()
    visitor.visit("/admin/modelregistry/scheduledretraining/add/")
    choices = visitor.page.locator("#id_retrained")
    choices.focus()

    visitor.page.keyboard.press("t")

    expect(choices).to_be_focused()


def test_enter_in_the_search_follows_what_is_found_and_nothing_is_no_error(
    new_admin: NewVisitor,
) -> None:
    visitor = new_admin()
    search = visitor.page.locator("#nav-filter")
    search.fill("nothing like it")
    search.press("Enter")

    with visitor.page.expect_response("**/admin/search/**"):
        search.fill("")
        search.press_sequentially("Schedul")
    expect(visitor.page.locator("#search-results a").first).to_be_visible()
    search.press("Enter")

    visitor.page.wait_for_url("**/scheduledretraining/")
