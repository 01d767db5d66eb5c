"""Handing in a model in a real browser: from the form to the version that serves."""

import re
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Page, expect

from tests.modelregistry.trained import ROWS, TARGETS, tree_file
from tests.running import Stack, until
from tests.web.browser import LOOKS, Visitor
from tests.web.conftest import NewVisitor
from tests.web.watching import WITHIN_MS, nobody_at_work

pytestmark = [pytest.mark.browser, pytest.mark.stack, pytest.mark.timeout(240)]
MODELS = "/admin/modelregistry/registeredmodel/"
NEW = f"{MODELS}hand-in/"
COLUMNS = ("sepal_length", "sepal_width", "petal_length", "petal_width")


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """A model, rows with its answers, and something that is no model."""
    (tmp_path / "flowers.skops").write_bytes(tree_file())
    lines = [f"{','.join(map(str, row))},{kind}" for row, kind in zip(ROWS, TARGETS, strict=True)]
    (tmp_path / "flowers.csv").write_text("\n".join([",".join([*COLUMNS, "species"]), *lines]))
    (tmp_path / "flowers.pkl").write_bytes(b"\x80\x04no model.")
    (tmp_path / "half.skops").write_bytes(tree_file()[:-100])
    return tmp_path


def fill(page: Page, files: Path, *, name: str, file: str = "flowers.skops") -> None:
    page.get_by_label("Model", exact=True).fill(name)
    page.get_by_label("Model file").set_input_files(files / file)
    page.get_by_label("Sample rows").set_input_files(files / "flowers.csv")
    page.get_by_label("Target column").fill("species")


def hand_in(page: Page) -> None:
    page.get_by_role("button", name="Hand in").click()


def on_its_page(page: Page) -> None:
    page.wait_for_url("**/modelversion/*/change/")


def becomes(page: Page, state: str) -> None:
    shown = page.locator("#version-announcer")
    expect(shown).to_have_attribute("data-state", state, timeout=WITHIN_MS)


def predicted(stack: Stack, key: str, model: str) -> httpx.Response:
    return httpx.post(
        f"{stack.base_url}/api/v1/models/{model}/predict",
        json={"rows": [[5.1, 3.5, 1.4, 0.2]]},
        headers={"Authorization": f"Bearer {key}"},
    )


def test_from_a_file_to_a_prediction_without_a_reload(
    new_admin: NewVisitor, stack: Stack, key: str, files: Path
) -> None:
    visitor = new_admin()
    page = visitor.page
    visitor.visit(MODELS)
    page.get_by_role("link", name="Hand in a model").click()
    page.wait_for_url(f"**{NEW}")
    fill(page, files, name="flowers")
    visitor.picture("hand-in-filled")

    with nobody_at_work(stack):
        hand_in(page)
        on_its_page(page)
        page.evaluate("window.untouched = true")
        expect(page.get_by_text("Its file waits to be checked.")).to_be_visible()
        expect(page.locator("#jobs-indicator")).to_have_text("Live", timeout=WITHIN_MS)
        visitor.picture("version-pending")
    becomes(page, "ready")
    expect(page.locator("#version-announcer")).to_have_text("This version is ready now.")
    visitor.picture("version-ready")
    assert page.evaluate("window.untouched") is True

    page.locator("a[hx-get]", has_text="Promote").click()
    page.locator("#dialog").get_by_role("button", name="Promote").click()
    expect(page.locator("body")).to_contain_text("flowers:1 serves now.", timeout=WITHIN_MS)
    answer: list[httpx.Response] = []

    def answers() -> bool:
        answer[:] = [predicted(stack, key, "flowers")]
        return answer[0].status_code == 200

    until(answers, 30, "flowers answers")
    assert answer[0].json()["predictions"] == [0]


def test_a_file_that_is_not_taken_says_why_without_a_reload(
    new_admin: NewVisitor, files: Path
) -> None:
    visitor = new_admin()
    visitor.visit(NEW)
    fill(visitor.page, files, name="halves", file="flowers.pkl")
    hand_in(visitor.page)
    beside = visitor.page.locator('[data-errors="file"]')
    expect(beside).to_contain_text("This is a pickle or joblib file.")
    fill(visitor.page, files, name="halves", file="half.skops")
    hand_in(visitor.page)
    on_its_page(visitor.page)
    becomes(visitor.page, "rejected")
    check = visitor.page.get_by_role("region", name="Check of its file")
    expect(check).to_contain_text("archive is damaged")
    visitor.picture("version-rejected")


def test_what_is_wrong_stands_beside_its_field_and_files_stay_chosen(
    new_admin: NewVisitor, files: Path
) -> None:
    visitor = new_admin()
    page = visitor.page
    visitor.visit(NEW)
    fill(page, files, name="Not A Name")
    hand_in(page)
    expect(page.locator('[data-errors="name"]')).to_contain_text("begin with a letter or digit")
    expect(page.get_by_label("Model", exact=True)).to_be_focused()
    visitor.picture("hand-in-wrong")
    page.get_by_label("Model", exact=True).fill("corrected")
    hand_in(page)
    on_its_page(page)
    becomes(page, "ready")


def test_a_large_file_shows_how_much_of_it_is_sent_and_can_be_stopped(
    new_admin: NewVisitor, tmp_path: Path
) -> None:
    visitor = new_admin()
    page = visitor.page
    visitor.visit(NEW)
    network = page.context.new_cdp_session(page)
    network.send("Network.enable")
    slow = {"offline": False, "latency": 5, "downloadThroughput": -1}
    network.send("Network.emulateNetworkConditions", {**slow, "uploadThroughput": 1_000_000})
    (tmp_path / "large.onnx").write_bytes(bytes(40_000_000))
    page.get_by_label("Model", exact=True).fill("large")
    page.get_by_label("Model file").set_input_files(tmp_path / "large.onnx")
    hand_in(page)
    expect(page.locator("[data-amount]")).to_contain_text(
        re.compile(r"of 40 MB, [1-9]\d? %"), timeout=WITHIN_MS
    )
    visitor.picture("hand-in-sending")
    page.get_by_role("button", name="Stop the upload").click()
    expect(page.locator("#hand-in [role='status']")).to_have_text("The upload was stopped.")
    expect(page.get_by_role("button", name="Hand in")).to_be_enabled()
    visitor.faults.clear()  # the request that was stopped on purpose


def test_a_file_over_the_limit_is_not_sent_at_all(new_admin: NewVisitor, tmp_path: Path) -> None:
    visitor = new_admin()
    page = visitor.page
    visitor.visit(NEW)
    with (tmp_path / "huge.onnx").open("wb") as file:
        file.truncate(300_000_000)
    page.get_by_label("Model", exact=True).fill("huge")
    page.get_by_label("Model file").set_input_files(tmp_path / "huge.onnx")
    hand_in(page)
    expect(page.locator('[data-errors="all"]')).to_have_text(
        "The files are 300 MB: more than may be handed in."
    )


def test_it_works_without_the_script(new_admin: NewVisitor, files: Path) -> None:
    visitor = new_admin()
    page = visitor.page
    page.route(
        "**/hand_in.js", lambda route: route.fulfill(body="", content_type="text/javascript")
    )
    visitor.visit(NEW)
    fill(page, files, name="Not A Name")
    hand_in(page)
    expect(page.locator('[data-errors="name"]')).to_contain_text("begin with a letter or digit")
    fill(page, files, name="plainly")
    hand_in(page)
    on_its_page(page)
    becomes(page, "ready")


def test_the_page_follows_by_asking_where_no_socket_is_let_through(
    new_admin: NewVisitor, stack: Stack, files: Path
) -> None:
    visitor = new_admin()
    page = visitor.page
    page.route_web_socket("**/ws/jobs/**", lambda socket: socket.close())
    visitor.visit(NEW)
    fill(page, files, name="asked")
    with nobody_at_work(stack):
        hand_in(page)
        on_its_page(page)
        expect(page.locator("#jobs-indicator")).to_contain_text("asking every 2 seconds")
    becomes(page, "ready")


@pytest.mark.parametrize(("scheme", "width"), LOOKS)
def test_the_form_reads_well_in_every_light_and_width(
    new_admin: NewVisitor, scheme: str, width: int
) -> None:
    visitor: Visitor = new_admin(scheme=scheme, width=width)
    visitor.visit(NEW)
    assert visitor.overflow() == 0
    visitor.page.get_by_label("Model", exact=True).focus()
    for label in ("Model file", "Sample rows", "Target column", "Description"):
        visitor.page.keyboard.press("Tab")
        expect(visitor.page.get_by_label(label)).to_be_focused()
        assert visitor.focus_outline() > 0
    visitor.picture("hand-in")
