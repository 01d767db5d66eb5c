"""Champion over time and the buttons that move aliases, in a real browser."""

from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.modelregistry.trained import tree_file
from tests.running import Stack, manage
from tests.web.browser import LOOKS, PHONE, WIDE, Visitor
from tests.web.conftest import NewVisitor

pytestmark = [pytest.mark.browser, pytest.mark.stack, pytest.mark.timeout(600)]
MODELS = "/admin/modelregistry/registeredmodel/"
HISTORY = """
from datetime import timedelta
from django.utils import timezone
from modelregistry.models import *
model = RegisteredModel.objects.named("gardens")
versions = {v.number: v for v in model.versions.all()}
lines, now = [], timezone.now()
for days, number, back in ((40, 1, None), (31, 2, 0), (30, 1, None), (18, 3, 2), (6, 4, 3)):
    lines.append(AliasChange.objects.create(
        model=model, alias="champion", version=versions[number], at=now - timedelta(days=days),
        previous=lines[-1].version if lines else None, reason="it is better",
        back_to=None if back is None else lines[back],
    ))
Alias.objects.create(model=model, name="champion", version=versions[4])
"""


@pytest.fixture(scope="module")
def gardens(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A model with four versions and a history of forty days."""
    folder = tmp_path_factory.mktemp("gardens")
    for depth in range(1, 5):
        register(stack, folder / f"{depth}.skops", depth)
    done = manage(stack.data_dir, "shell", "-v0", "-c", HISTORY)
    assert done.returncode == 0, done.stderr
    return "gardens"


def register(stack: Stack, file: Path, depth: int, model: str = "gardens") -> None:
    file.write_bytes(tree_file(depth))
    done = manage(stack.data_dir, "register_model", str(file), "--model", model)
    assert done.returncode == 0, done.stderr


def open_model(visitor: Visitor, name: str) -> None:
    visitor.visit(MODELS)
    visitor.page.get_by_role("link", name=name, exact=True).click()
    visitor.page.wait_for_url("**/registeredmodel/*/change/")
    visitor.page.wait_for_load_state("networkidle")


@pytest.mark.parametrize(("scheme", "width"), LOOKS)
def test_a_models_page_draws_which_version_was_champion_when(
    new_admin: NewVisitor, gardens: str, scheme: str, width: int
) -> None:
    visitor = new_admin(scheme=scheme, width=width)

    open_model(visitor, gardens)

    visitor.picture("timeline")
    assert visitor.overflow() == 0
    chart = visitor.page.get_by_role("region", name="Champion over time")
    drawing = chart.get_by_role("img")
    expect(drawing).to_be_visible()
    box, outer = drawing.bounding_box(), chart.bounding_box()
    assert box is not None
    assert outer is not None
    assert box["x"] + box["width"] <= outer["x"] + outer["width"]
    expect(chart).to_contain_text("serves now")


def test_a_model_without_a_champion_says_so(
    new_admin: NewVisitor, stack: Stack, tmp_path: Path
) -> None:
    register(stack, tmp_path / "tree.skops", 1, "seedlings")
    visitor = new_admin()

    open_model(visitor, "seedlings")

    visitor.picture("timeline-empty")
    expect(visitor.page.get_by_text("No version of this model has been champion")).to_be_visible()


@pytest.mark.parametrize("width", [WIDE, PHONE])
def test_roll_back_and_an_alias_from_the_pages(
    new_admin: NewVisitor, gardens: str, width: int
) -> None:
    visitor = new_admin(width=width)
    page = visitor.page
    open_model(visitor, gardens)

    before = page.get_by_text("has served since").inner_text()
    press(visitor, "Roll back")
    expect(page.get_by_text("will serve again")).to_be_visible()
    page.get_by_label("Reason").fill("a worse month")
    visitor.picture("rollback")
    page.locator("#dialog").get_by_role("button", name="Roll back").click()

    expect(page.get_by_text("serves again; before, gardens:")).to_be_visible()
    expect(page.get_by_text("has served since")).not_to_have_text(before, use_inner_text=True)
    visitor.picture("rolled-back")
    assert visitor.overflow() == 0

    page.get_by_role("link", name="version").filter(visible=True).last.click()
    page.wait_for_url("**/modelversion/*/change/")
    page.wait_for_load_state("networkidle")
    press(visitor, "Point an alias")
    page.get_by_role("textbox", name="Alias").fill("challenger")
    visitor.picture("point-alias")
    page.locator("#dialog").get_by_role("button", name="Point it here").click()

    expect(page.get_by_text("gardens@challenger points to version")).to_be_visible()
    visitor.picture("pointed")
    assert visitor.overflow() == 0


def press(visitor: Visitor, button: str) -> None:
    """A button of the page's head; on a phone they are behind a menu."""
    if visitor.page.viewport_size == {"width": PHONE, "height": 900}:
        visitor.page.get_by_role("link", name="more_horiz").first.click()
    visitor.page.get_by_role("link", name=button).filter(visible=True).first.click()
