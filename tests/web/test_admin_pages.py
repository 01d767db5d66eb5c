"""The admin as staff see it: front page, models, versions, users, raw results."""

import pytest
from playwright.sync_api import expect

from tests.web.browser import LOOKS
from tests.web.conftest import NewVisitor

pytestmark = [pytest.mark.browser, pytest.mark.stack]
PAGES = {
    "models": "/admin/modelregistry/registeredmodel/",
    "versions": "/admin/modelregistry/modelversion/",
    "schedules": "/admin/modelregistry/scheduledretraining/",
    "schedule-add": "/admin/modelregistry/scheduledretraining/add/",
    "keys": "/admin/mlapi/apikey/",
    "key-add": "/admin/mlapi/apikey/add/",
    "users": "/admin/auth/user/",
    "user": "/admin/auth/user/1/change/",
    "groups": "/admin/auth/group/",
    "audit-trail": "/admin/auditlog/logentry/",
    "audit-entry": "/admin/auditlog/logentry/1/change/",
    "history": "/admin/modelregistry/registeredmodel/1/history/",
    "raw-results": "/admin/django_celery_results/taskresult/",
    "raw-group-results": "/admin/django_celery_results/groupresult/",
}


@pytest.mark.parametrize(("scheme", "width"), LOOKS)
def test_the_login_page_asks_for_name_and_password(
    new_visitor: NewVisitor, scheme: str, width: int
) -> None:
    visitor = new_visitor(scheme=scheme, width=width)

    visitor.visit("/admin/")

    visitor.picture("login")
    assert visitor.overflow() == 0
    expect(visitor.page.get_by_label("Username")).to_be_visible()


@pytest.mark.parametrize(("scheme", "width"), LOOKS)
def test_the_front_page_shows_the_service_and_its_models(
    new_admin: NewVisitor, scheme: str, width: int
) -> None:
    visitor = new_admin(scheme=scheme, width=width)

    visitor.picture("dashboard")
    assert visitor.overflow() == 0
    page = visitor.page
    models = page.get_by_role("table", name="Models")
    for name in ("iris", "diabetes", "churn"):
        line = models.get_by_role("row").filter(has=page.get_by_role("link", name=name, exact=True))
        assert "version 1, ONNX Runtime" in " ".join(line.inner_text().split())
        expect(line.get_by_text("answering")).to_be_visible()
    checks = page.get_by_label("State of the service").inner_text().split("\n")
    assert [text for text in checks if "answers" in text] != []
    assert page.locator(".mlapi-lost").count() == 0


@pytest.mark.parametrize(("scheme", "width"), LOOKS)
def test_every_page_opens_and_fits_the_window(
    new_admin: NewVisitor, scheme: str, width: int
) -> None:
    visitor = new_admin(scheme=scheme, width=width)

    too_wide = {}
    for name, path in PAGES.items():
        visitor.visit(path)
        visitor.picture(f"admin-{name}")
        too_wide[name] = visitor.overflow()

    assert too_wide == dict.fromkeys(PAGES, 0)


@pytest.mark.parametrize(("scheme", "width"), LOOKS)
def test_a_version_page_is_reached_from_the_front_and_shows_signature_and_proof(
    new_admin: NewVisitor, scheme: str, width: int
) -> None:
    visitor = new_admin(scheme=scheme, width=width)
    page = visitor.page

    page.get_by_role("table", name="Models").get_by_role("row").filter(
        has=page.get_by_role("link", name="iris", exact=True)
    ).get_by_role("link", name="version 1").click()
    page.wait_for_url("**/modelversion/*/change/")
    page.wait_for_load_state("networkidle")

    visitor.picture("version")
    assert visitor.overflow() == 0
    text = page.locator("#content").inner_text()
    assert "probabilities" in text
    assert "FP32" in text
    assert "match" in text.lower()


def test_an_empty_list_says_what_to_do(new_admin: NewVisitor) -> None:
    visitor = new_admin()

    visitor.visit("/admin/django_celery_results/groupresult/")
    nothing_yet = visitor.page.locator("#content").inner_text()
    visitor.visit("/admin/auth/group/?q=nobody")
    nothing_found = visitor.page.locator("#content").inner_text()

    assert "Nothing here yet" in nothing_yet
    assert "show up here by themselves" in nothing_yet
    assert "Nothing matches" in nothing_found
    assert "Add group" in nothing_found


def test_the_keyboard_reaches_the_sidebar_and_its_focus_shows(new_admin: NewVisitor) -> None:
    visitor = new_admin()

    visitor.page.get_by_role("link", name="Dashboard").focus()
    visitor.page.keyboard.press("Tab")

    assert visitor.page.evaluate("document.activeElement.innerText").strip().endswith("Models")
    assert visitor.focus_outline() >= 2
