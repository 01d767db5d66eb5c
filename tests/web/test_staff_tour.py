"""The tour of docs/staff.md, walked in a real browser: a job from its button to its effect.

It takes the pictures that the page shows, into tests/screenshots; the page says how they get there.
"""

import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.running import BASE_DIR, Stack, running
from tests.web.browser import SCREENSHOTS, Visitor, visitor
from tests.web.conftest import ADMIN, PASSWORD

pytestmark = [pytest.mark.browser, pytest.mark.stack, pytest.mark.timeout(400)]
DOCS = BASE_DIR / "docs"
SHOWN = re.findall(r"\(images/([\w-]+)\.png\)", (DOCS / "staff.md").read_text())
PATIENCE_MS = 90_000
LARGEST = 150_000


@pytest.fixture(scope="module")
def own_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The tour promotes a version: others count on the first one."""
    first_admin = {"DJANGO_SUPERUSER_USERNAME": ADMIN, "DJANGO_SUPERUSER_PASSWORD": PASSWORD}
    with running(tmp_path_factory.mktemp("tour") / "var", **first_admin) as started:
        yield started


@pytest.fixture
def ada(browser: Browser, own_stack: Stack) -> Iterator[Visitor]:
    one = visitor(browser, own_stack.base_url)
    yield one
    one.page.context.close()
    assert one.faults == []


def picture(page: Page, name: str, taken: list[str]) -> None:
    page.wait_for_load_state("networkidle")
    SCREENSHOTS.mkdir(exist_ok=True)
    page.screenshot(path=SCREENSHOTS / f"{name}.png", animations="disabled")
    taken.append(name)


def press(page: Page, label: str, fields: dict[str, str] | None = None) -> None:
    """A button of a page, and the same word in the dialog that it opens."""
    page.locator("a[hx-get]", has_text=label).click()
    dialog = page.locator("#dialog")
    for field, text in (fields or {}).items():
        dialog.get_by_label(field).fill(text)
    dialog.get_by_role("button", name=label).click()


def follow_the_job(page: Page) -> None:
    page.get_by_role("link", name="Follow the job").click()
    page.wait_for_url("**/admin/jobs/job/*/change/")


def ends_well(page: Page) -> None:
    """Without a reload: the page itself learns of it, and fetches what it came to."""
    expect(page.locator("#content")).to_contain_text("succeeded", timeout=PATIENCE_MS)
    expect(page.get_by_role("region", name="Result")).to_be_visible()


def test_the_tour(ada: Visitor, own_stack: Stack) -> None:
    page, taken = ada.page, []  # type: ignore[var-annotated]
    ada.visit("/admin/")
    page.get_by_label("Username").fill(ADMIN)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    page.wait_for_url("**/admin/")
    picture(page, "tour-front", taken)

    page.get_by_role("table", name="Models").get_by_role("link", name="iris", exact=True).click()
    page.wait_for_url("**/registeredmodel/*/change/")
    picture(page, "tour-model", taken)

    press(page, "Retrain")
    follow_the_job(page)
    ends_well(page)
    picture(page, "tour-retrained", taken)

    ada.visit("/admin/modelregistry/modelversion/")
    page.get_by_role("link", name="iris:2").click()
    page.wait_for_url("**/modelversion/*/change/")
    picture(page, "tour-version", taken)
    press(page, "Promote", {"Reason": "measured as good, on newer rows"})
    expect(page.locator("body")).to_contain_text("iris:2 serves", timeout=PATIENCE_MS)
    assert predicted_by(own_stack) == 2

    ada.visit("/admin/modelregistry/registeredmodel/")
    page.get_by_role("link", name="iris", exact=True).click()
    press(page, "Load test")
    follow_the_job(page)
    ends_well(page)
    picture(page, "tour-load-test", taken)

    ada.visit("/admin/jobs/job/")
    picture(page, "tour-jobs", taken)
    assert taken == SHOWN


def predicted_by(stack: Stack) -> int:
    """The version that answers now."""
    rows = {"rows": [[5.1, 3.5, 1.4, 0.2]]}
    answer = httpx.post(f"{stack.base_url}/api/v1/models/iris/predict", json=rows)
    return int(answer.json()["version"])


def test_every_picture_of_the_page_is_there_and_small() -> None:
    assert len(SHOWN) >= 5
    for name in SHOWN:
        file: Path = DOCS / "images" / f"{name}.png"
        assert file.read_bytes().startswith(b"\x89PNG"), name
        assert file.stat().st_size < LARGEST, name
    assert {file.stem for file in (DOCS / "images").iterdir()} == set(SHOWN)
