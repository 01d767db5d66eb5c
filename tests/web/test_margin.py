"""What staff type as the margin of a promotion reaches the server as they have typed it."""

import pytest
from django.urls import reverse
from playwright.sync_api import Page, expect

from tests.running import Stack
from tests.web.conftest import NewVisitor
from tests.web.test_moving_pages import open_model
from tests.web.watching import LIST

pytestmark = [pytest.mark.browser, pytest.mark.stack, pytest.mark.timeout(240)]
SCHEDULE = reverse("admin:modelregistry_scheduledretraining_add")
NO_NUMBERS = ("1e999", "-1e999", "e")  # keys that a browser's own field of numbers takes, too


def types(page: Page, text: str) -> None:
    field = page.get_by_label("Promote if better by")
    field.click()
    field.press("Control+A")
    field.press_sequentially(text)


def test_what_is_no_number_is_said_in_the_dialog(new_admin: NewVisitor, stack: Stack) -> None:
    visitor = new_admin()
    page = visitor.page
    open_model(visitor, "iris")
    page.locator("a[hx-get]", has_text="Retrain").click()
    dialog = page.locator("#dialog")
    expect(page.get_by_label("Promote if better by")).to_be_visible()
    for text in NO_NUMBERS:
        types(page, text)
        dialog.get_by_role("button", name="Retrain").click()
        expect(page.get_by_text("Enter a number.")).to_be_visible()
        expect(page.get_by_label("Promote if better by")).to_have_value(text)
    visitor.picture("margin-dialog")
    visitor.visit(f"{LIST}?kind=retrain_model_task&state=queued")
    expect(page.get_by_text("Nothing matches")).to_be_visible()


def test_what_is_no_number_is_said_on_the_page_of_schedules(new_admin: NewVisitor) -> None:
    visitor = new_admin()
    page = visitor.page
    visitor.visit(SCHEDULE)
    page.get_by_label("Model").select_option(label="iris")
    page.get_by_label("Every").fill("6")
    types(page, "1e999")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("Enter a number.")).to_be_visible()
    visitor.picture("margin-schedule")
