"""The tour of docs/staff.md, walked in a real browser: a job from its button to its effect.

It takes the pictures that the page shows, into tests/screenshots; the page says how they get there.
"""

import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.conftest import Install
from tests.modelregistry.trained import ROWS, TARGETS, tree_file
from tests.running import BASE_DIR, Stack, running, until
from tests.web.browser import SCREENSHOTS, Visitor, visitor
from tests.web.conftest import ADMIN, PASSWORD

pytestmark = [pytest.mark.browser, pytest.mark.stack, pytest.mark.timeout(900)]
DOCS = BASE_DIR / "docs"
SHOWN = re.findall(r"\(images/([\w-]+)\.png\)", (DOCS / "staff.md").read_text())
PATIENCE_MS = 90_000
LARGEST = 150_000
MODELS = "/admin/modelregistry/registeredmodel/"
VERSIONS = "/admin/modelregistry/modelversion/"
SCHEDULE = "/admin/modelregistry/scheduledretraining/add/"
COLUMNS = "sepal_length,sepal_width,petal_length,petal_width,species"


@pytest.fixture(scope="module")
def own_stack(install: Install) -> Iterator[Stack]:
    """The tour promotes a version: others count on the first one."""
    first_admin = {"DJANGO_SUPERUSER_USERNAME": ADMIN, "DJANGO_SUPERUSER_PASSWORD": PASSWORD}
    with running(install("tour"), **first_admin) as started:
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


def fill_in(page: Page, folder: Path) -> None:
    """The form that hands in a model, with a file and rows."""
    model, rows = folder / "flowers.skops", folder / "flowers.csv"
    model.write_bytes(tree_file())
    lines = [f"{','.join(map(str, row))},{kind}" for row, kind in zip(ROWS, TARGETS, strict=True)]
    rows.write_text("\n".join([COLUMNS, *lines]))
    page.get_by_label("Model", exact=True).fill("flowers")
    page.get_by_label("Model file").set_input_files(model)
    page.get_by_label("Sample rows").set_input_files(rows)
    page.get_by_label("Target column").fill("species")


def to_model(visitor: Visitor, name: str) -> None:
    visitor.visit(MODELS)
    visitor.page.get_by_role("link", name=name, exact=True).click()
    visitor.page.wait_for_url("**/registeredmodel/*/change/")


def to_version(visitor: Visitor, name: str) -> None:
    visitor.visit(VERSIONS)
    visitor.page.get_by_role("link", name=name).click()
    visitor.page.wait_for_url("**/modelversion/*/change/")


def drawn(page: Page) -> None:
    """Every plot there is."""
    page.wait_for_function(
        "() => [...document.querySelectorAll('canvas.chart')].every(c => Chart.getChart(c))"
    )


def test_the_tour(ada: Visitor, own_stack: Stack, tmp_path: Path) -> None:
    taken: list[str] = []
    from_the_front_to_a_new_version(ada, taken)
    look_at_versions(ada, taken)
    promote_and_roll_back(ada, own_stack)
    hand_in(ada, tmp_path, taken)
    to_model(ada, "iris")
    expect(ada.page.get_by_role("region", name="Champion over time")).to_contain_text("rollback")
    picture(ada.page, "tour-champion", taken)
    schedule_and_load(ada, taken)
    assert taken == SHOWN


def from_the_front_to_a_new_version(ada: Visitor, taken: list[str]) -> None:
    page = ada.page
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


def look_at_versions(ada: Visitor, taken: list[str]) -> None:
    page = ada.page
    to_version(ada, "iris:2")
    picture(page, "tour-version", taken)

    to_version(ada, "diabetes:1")
    page.get_by_role("link", name="The whole report").click()
    page.wait_for_url("**/modelversion/*/report/")
    picture(page, "tour-parity", taken)

    to_model(ada, "iris")
    page.get_by_role("link", name="Compare").click()
    page.get_by_role("button", name="Compare their answers").click()
    page.wait_for_url("**/admin/jobs/job/*/change/")
    ends_well(page)
    drawn(page)
    picture(page, "tour-compare", taken)


def promote_and_roll_back(ada: Visitor, stack: Stack) -> None:
    to_version(ada, "iris:2")
    press(ada.page, "Promote", {"Reason": "measured as good, on newer rows"})
    expect(ada.page.locator("body")).to_contain_text("iris:2 serves", timeout=PATIENCE_MS)
    until(lambda: predicted_by(stack) == 2, 30, "the promoted version answers")

    to_model(ada, "iris")
    press(ada.page, "Roll back", {"Reason": "it errs on large flowers"})
    expect(ada.page.locator("body")).to_contain_text("iris:1 serves again", timeout=PATIENCE_MS)
    until(lambda: predicted_by(stack) == 1, 30, "the version before answers again")


def hand_in(ada: Visitor, folder: Path, taken: list[str]) -> None:
    page = ada.page
    ada.visit(f"{MODELS}hand-in/")
    fill_in(page, folder)
    picture(page, "tour-hand-in", taken)
    page.get_by_role("button", name="Hand in").click()
    page.wait_for_url("**/modelversion/*/change/")
    expect(page.locator("#version-announcer")).to_have_attribute(
        "data-state", "ready", timeout=PATIENCE_MS
    )


def schedule_and_load(ada: Visitor, taken: list[str]) -> None:
    page = ada.page
    ada.visit(SCHEDULE)
    page.get_by_label("Model").select_option("iris")
    page.get_by_label("Every").fill("7")
    page.get_by_label("Promote if better by").fill("0.01")
    picture(page, "tour-schedule", taken)

    to_model(ada, "iris")
    press(page, "Load test")
    follow_the_job(page)
    ends_well(page)
    picture(page, "tour-load-test", taken)

    ada.visit("/admin/jobs/job/")
    picture(page, "tour-jobs", taken)


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
