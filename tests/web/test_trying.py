"""A model is tried on its page: the form asks its route, and the requests beside it work."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.modelregistry.trained import tree_file
from tests.running import Stack, manage
from tests.web.browser import LOOKS, Visitor
from tests.web.conftest import NewVisitor
from tests.web.test_moving_pages import open_model

pytestmark = [pytest.mark.browser, pytest.mark.stack, pytest.mark.timeout(600)]
ANSWERED = "Answered in"


@pytest.fixture(scope="module")
def meadows(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> str:
    """For holders of a key alone."""
    return registered(stack, tmp_path_factory.mktemp("meadows"), "meadows", "--promote")


@pytest.fixture(scope="module")
def silent(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Without a champion."""
    return registered(stack, tmp_path_factory.mktemp("silent"), "silent")


def registered(stack: Stack, folder: Path, name: str, *more: str) -> str:
    file = folder / "tree.skops"
    file.write_bytes(tree_file())
    done = manage(stack.data_dir, "register_model", str(file), "--model", name, *more)
    assert done.returncode == 0, done.stderr
    return name


def opened(visitor: Visitor, name: str) -> Page:
    open_model(visitor, name)
    return visitor.page


def ask(page: Page, words: str) -> None:
    page.get_by_role("button", name="Ask", exact=True).click()
    expect(page.locator("#try-status")).to_contain_text(words)


@pytest.mark.parametrize(("scheme", "width"), LOOKS)
def test_the_example_is_answered_in_every_light_and_width(
    new_admin: NewVisitor, scheme: str, width: int
) -> None:
    visitor = new_admin(scheme=scheme, width=width)
    page = opened(visitor, "churn")

    ask(page, ANSWERED)

    shown = json.loads(page.locator("#try-answer").inner_text())
    assert shown["model"] == "churn"
    assert shown["predictions"][0] in shown["classes"] == ["no", "yes"]
    assert page.locator("#try-key").count() == 0
    assert visitor.overflow() == 0
    page.get_by_role("region", name="Try it").scroll_into_view_if_needed()
    visitor.picture("try")


def test_a_wrong_value_is_explained_at_its_field(new_admin: NewVisitor) -> None:
    visitor = new_admin()
    page = opened(visitor, "churn")
    field = page.get_by_label("monthly_charges", exact=True)

    field.fill("much")
    field.press("Enter")

    status = page.locator("#try-status")
    expect(status).to_contain_text("(422): rows[0].monthly_charges: expected a number, got a str")
    expect(field).to_have_attribute("aria-invalid", "true")
    expect(field).to_be_focused()
    visitor.picture("try-wrong")
    field.fill("20.5")
    ask(page, ANSWERED)
    expect(field).not_to_have_attribute("aria-invalid", "true")
    expect_refused(visitor, 422)


def test_rows_can_be_written_as_json(new_admin: NewVisitor) -> None:
    page = opened(new_admin(), "churn")
    page.get_by_label("JSON", exact=True).check()
    text = page.get_by_label("Request body, as JSON")
    row = json.loads(text.input_value())["rows"][0]

    text.fill(json.dumps({"rows": [row, row, row]}))
    text.press("Control+Enter")

    expect(page.locator("#try-status")).to_contain_text(ANSWERED)
    assert len(json.loads(page.locator("#try-answer").inner_text())["predictions"]) == 3


def test_a_model_that_is_not_public_asks_for_a_key_and_keeps_none(
    new_admin: NewVisitor, meadows: str, key: str
) -> None:
    visitor = new_admin()
    page = opened(visitor, meadows)

    ask(page, "Without a key nobody is told that it is there.")
    page.get_by_label("API key").fill(key)
    ask(page, ANSWERED)

    visitor.picture("try-key")
    assert page.get_by_label("API key").get_attribute("type") == "password"
    kept = page.evaluate("JSON.stringify([localStorage, sessionStorage, location.href])")
    assert key not in kept
    page.reload(wait_until="networkidle")
    assert page.get_by_label("API key").input_value() == ""
    expect_refused(visitor, 404)


def test_a_model_that_does_not_answer_says_what_to_do(new_admin: NewVisitor, silent: str) -> None:
    visitor = new_admin()
    page = opened(visitor, silent)

    region = page.get_by_role("region", name="Try it")
    expect(region).to_contain_text("press Promote; then it can be tried here")
    assert page.locator("#try").count() == 0
    visitor.picture("try-nothing")


@pytest.mark.parametrize("name", ["iris", "meadows"])
def test_the_requests_beside_it_work_as_copied(
    new_admin: NewVisitor, meadows: str, key: str, tmp_path: Path, name: str
) -> None:
    page = opened(new_admin(), name)
    environment = {**os.environ, "MLAPI_KEY": key} if name == meadows else os.environ

    def run(label: str, *program: str) -> str:
        page.get_by_role("button", name=f"Copy: {label}").click()
        expect(page.locator("#copy-status")).to_contain_text(f"{label} copied")
        text = page.evaluate("navigator.clipboard.readText()")
        done = subprocess.run(
            [*program, text], env=environment, cwd=tmp_path, capture_output=True, text=True,
            check=False, timeout=60,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout

    assert json.loads(run("curl", "bash", "-c"))["model"] == name
    assert f"'model': '{name}'" in run("Python, with httpx", sys.executable, "-c")


def expect_refused(visitor: Visitor, status: int) -> None:
    """That was the point; the browser's console tells of it, too."""
    found = [fault for fault in visitor.faults if str(status) in fault]
    assert found == visitor.faults != []
    visitor.faults.clear()
