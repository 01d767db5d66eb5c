"""A retraining's page tells what came of it in a table, in every light and width."""

import pytest
from playwright.sync_api import expect

from tests.running import Stack
from tests.web.browser import LOOKS
from tests.web.conftest import NewVisitor
from tests.web.watching import LIST, live, state_in, submit

pytestmark = [pytest.mark.browser, pytest.mark.stack]


@pytest.mark.timeout(240)
@pytest.mark.parametrize(("scheme", "width"), LOOKS)
def test_it_reads_well_and_leads_to_the_new_version(
    new_admin: NewVisitor, stack: Stack, key: str, scheme: str, width: int
) -> None:
    visitor = new_admin(scheme=scheme, width=width)
    page = visitor.page
    params = {"model": "churn", "promote_if_better_by": 0.5}
    visitor.visit(f"{LIST}{submit(stack, key, 'retrain_model_task', params)}/change/")
    live(page)
    state_in(page.locator("#job"), "succeeded")

    result = page.get_by_role("region", name="Result")
    row = result.get_by_role("row").filter(has=page.get_by_role("rowheader", name="Accuracy"))
    expect(row.get_by_role("cell")).to_have_count(3)
    expect(result).to_contain_text("which is not better by 0.5")
    visitor.picture("job-retrained")
    assert visitor.overflow() == 0

    result.get_by_role("link", name="Version", exact=False).first.click()
    expect(page.get_by_role("heading", name="churn:", exact=False).first).to_be_visible()
