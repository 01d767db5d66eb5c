"""Chromium, visitors, and an admin to sign in with."""

import os
import shutil
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, StorageState, expect, sync_playwright

from tests.running import Stack, manage
from tests.web.browser import Visitor, visitor

ADMIN, PASSWORD = "ada", "only-for-this-test-run"
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
)
NewVisitor = Callable[..., Visitor]
expect.set_options(timeout=30_000)  # of a busy machine; what holds is not waited for


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Of one module: while it runs, Django takes this thread for a coroutine's."""
    path = shutil.which("chromium")
    if path is None:
        reason = "Chromium is not installed: apt-get install chromium fonts-liberation"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(FLAGS))
        yield browser
        browser.close()


@pytest.fixture
def new_visitor(browser: Browser, stack: Stack) -> Iterator[NewVisitor]:
    """Makes visitors; afterwards nothing may have gone wrong for any of them."""
    made: list[Visitor] = []

    def new(**look: object) -> Visitor:
        made.append(visitor(browser, stack.base_url, **look))  # type: ignore[arg-type]
        return made[-1]

    yield new
    faults = [list(one.faults) for one in made]  # what closing cuts off is none
    for one in made:
        one.page.context.close()
    assert faults == [[] for _ in made]


@pytest.fixture(scope="session")
def admin(stack: Stack) -> str:
    """The name of a superuser of the running stack; the password is PASSWORD."""
    done = manage(
        stack.data_dir,
        *("createsuperuser", "--noinput", "--username", ADMIN, "--email", ""),
        DJANGO_SUPERUSER_PASSWORD=PASSWORD,
    )
    assert done.returncode == 0, done.stderr
    return ADMIN


@pytest.fixture(scope="module")
def signed_in(browser: Browser, stack: Stack, admin: str) -> StorageState:
    """The cookies of somebody who has signed in through the form."""
    one = visitor(browser, stack.base_url)
    one.visit("/admin/")
    one.page.get_by_label("Username").fill(admin)
    one.page.get_by_label("Password").fill(PASSWORD)
    one.page.get_by_role("button", name="Log in").click()
    one.page.wait_for_url("**/admin/")
    one.page.wait_for_load_state("networkidle")
    assert one.faults == []
    state = one.page.context.storage_state()
    one.page.context.close()
    return state


@pytest.fixture
def new_admin(new_visitor: NewVisitor, signed_in: StorageState) -> NewVisitor:
    """Makes visitors who are signed in, on the admin's front page."""

    def new(**look: object) -> Visitor:
        one = new_visitor(storage_state=signed_in, **look)
        one.visit("/admin/")
        return one

    return new


@pytest.fixture(scope="session")
def key(stack: Stack, admin: str) -> str:
    """An API key of the admin's."""
    done = manage(stack.data_dir, "create_api_key", admin)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()
