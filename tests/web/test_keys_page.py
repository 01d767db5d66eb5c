"""A key's life in the admin: made, shown once, used, revoked."""

import httpx
import pytest
from playwright.sync_api import expect

from tests.running import Stack, until
from tests.web.conftest import NewVisitor

pytestmark = [pytest.mark.browser, pytest.mark.stack]


def status_with(stack: Stack, key: str) -> int:
    headers = {"Authorization": f"Bearer {key}"}
    return httpx.get(f"{stack.base_url}/api/v1/models/", headers=headers, timeout=30).status_code


def test_a_key_is_made_shown_once_used_and_revoked(new_admin: NewVisitor, stack: Stack) -> None:
    visitor = new_admin()
    page = visitor.page

    visitor.visit("/admin/mlapi/apikey/add/")
    page.get_by_label("Name").fill("nightly report")
    page.get_by_role("button", name="Save", exact=True).click()
    page.wait_for_url("**/mlapi/apikey/")
    visitor.picture("key-shown-once")
    key = page.locator(".mlapi-key").inner_text()
    digest = page.locator("input.action-select").first.get_attribute("value")
    assert status_with(stack, key) == 200

    visitor.visit("/admin/mlapi/apikey/")
    row = page.get_by_role("row").filter(has_text="nightly report")
    assert key not in page.content(), "shown once"
    assert digest not in page.locator("body").inner_text(), "never shown"
    assert "in use" in row.inner_text().lower()

    row.get_by_role("checkbox").check()
    page.locator("select[name=action]").select_option("revoke")
    page.get_by_role("button", name="Run").click()
    page.get_by_text("They stop working within a second").wait_for()
    visitor.picture("key-revoked")
    until(lambda: status_with(stack, key) == 401, 5, "the revoked key is refused")
    expect(row).to_contain_text("revoked", ignore_case=True)
