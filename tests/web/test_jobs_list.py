"""The live list of jobs: what is filtered, searched or paged follows too, and no job is missed."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, Route, WebSocketRoute, expect

from tests.running import Stack, manage, until
from tests.web.conftest import NewVisitor
from tests.web.watching import LIST, NEVER, ROW, cancel, live, row_of, state_in, submit

pytestmark = [pytest.mark.browser, pytest.mark.stack]
MORE_THAN_A_PAGE = 60


def waiting(stack: Stack, key: str) -> str:
    """The id of a job that never begins."""
    return submit(stack, key, "predict_task", ROW, not_before=NEVER)


def without_sockets(page: Page) -> None:
    page.route_web_socket("**/ws/**", lambda socket: socket.close())


def polls(page: Page) -> None:
    expect(page.locator("#jobs-indicator")).to_contain_text("asking every 2 seconds")


@pytest.fixture
def buried(stack: Stack, key: str) -> Iterator[str]:
    """A job that waits, older than those on the list's first page."""
    job_id = waiting(stack, key)
    script = (
        "from jobs.models import Job; Job.objects.bulk_create("
        f"Job(kind='predict_task', state='succeeded') for _ in range({MORE_THAN_A_PAGE}))"
    )
    done = manage(stack.data_dir, "shell", "-v0", "-c", script)
    assert done.returncode == 0, done.stderr
    yield job_id
    cancel(stack, key, job_id)


@pytest.mark.parametrize("connected", [True, False])
def test_a_job_that_leaves_a_filtered_list_is_shown_as_it_is(
    new_admin: NewVisitor, stack: Stack, key: str, connected: bool
) -> None:
    visitor = new_admin()
    page = visitor.page
    job_id = waiting(stack, key)
    if not connected:
        without_sockets(page)
    visitor.visit(f"{LIST}?state=queued")
    (live if connected else polls)(page)
    state_in(row_of(page, job_id), "queued")

    cancel(stack, key, job_id)

    state_in(row_of(page, job_id), "cancelled")


@pytest.mark.parametrize("connected", [True, False])
@pytest.mark.parametrize("query", ["?q={}", "?state=queued&q={}", "?p=2"])
def test_rows_beyond_the_first_page_and_found_ones_follow(
    new_admin: NewVisitor, stack: Stack, key: str, buried: str, query: str, connected: bool
) -> None:
    visitor = new_admin()
    page = visitor.page
    if not connected:
        without_sockets(page)
    visitor.visit(f"{LIST}{query.format(buried)}")
    (live if connected else polls)(page)
    state_in(row_of(page, buried), "queued")

    cancel(stack, key, buried)

    state_in(row_of(page, buried), "cancelled")


def test_a_row_of_the_second_page_that_changed_while_cut_off_is_shown_afterwards(
    new_admin: NewVisitor, stack: Stack, key: str, buried: str
) -> None:
    visitor = new_admin()
    page = visitor.page
    opened: list[WebSocketRoute] = []

    def through(socket: WebSocketRoute) -> None:
        opened.append(socket)
        socket.connect_to_server()

    page.route_web_socket("**/ws/**", through)
    page.route("**/api/v1/jobs/**", lambda route: route.fulfill(status=204))  # nothing to poll
    visitor.visit(f"{LIST}?p=2")
    live(page)
    opened[0].close(code=1012)
    cancel(stack, key, buried)

    state_in(row_of(page, buried), "cancelled")


def test_a_job_that_is_new_while_the_list_is_fetched_gets_its_row(
    new_admin: NewVisitor, stack: Stack, key: str
) -> None:
    visitor = new_admin()
    page = visitor.page
    with page.expect_websocket() as opening:
        visitor.visit(LIST)
    live(page)

    held = hold_the_list(page)
    first = waiting(stack, key)
    without_the_second = next_of(page, held).fetch()
    with opening.value.expect_event("framereceived", lambda frame: first not in str(frame)):
        second = waiting(stack, key)
    held[0].fulfill(response=without_the_second)
    page.unroute(f"**{LIST}")

    for job_id in (first, second):
        state_in(row_of(page, job_id), "queued")
        cancel(stack, key, job_id)


def test_a_fetched_row_that_is_newer_than_the_news_stays_as_it_is(
    new_admin: NewVisitor, stack: Stack, key: str
) -> None:
    visitor = new_admin()
    page = visitor.page
    cut: list[bool] = []

    def until_cut(socket: WebSocketRoute) -> None:
        server = socket.connect_to_server()
        server.on_message(lambda message: None if cut else socket.send(message))

    page.route_web_socket("**/ws/**", until_cut)
    visitor.visit(LIST)
    live(page)

    held = hold_the_list(page)
    job_id = waiting(stack, key)
    route = next_of(page, held)  # the page was told that it is queued
    cut.append(True)
    cancel(stack, key, job_id)
    route.fulfill(response=route.fetch())
    page.unroute(f"**{LIST}")

    state_in(row_of(page, job_id), "cancelled")


def hold_the_list(page: Page) -> list[Route]:
    """Fetches of the list from now on, which wait to be answered."""
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    page.route(f"**{LIST}", hold)
    return held


def next_of(page: Page, held: list[Route]) -> Route:
    until(lambda: page.wait_for_timeout(20) or held, 60, "the list is asked for")
    return held[0]


@pytest.mark.parametrize("status", [503, 204])
def test_a_list_that_could_not_be_fetched_is_fetched_again(
    new_admin: NewVisitor, stack: Stack, key: str, status: int
) -> None:
    visitor = new_admin()
    page = visitor.page
    visitor.visit(LIST)
    live(page)
    page.route(f"**{LIST}", lambda route: route.fulfill(status=status), times=1)

    with page.expect_request(f"**{LIST}"):
        job_id = waiting(stack, key)

    state_in(row_of(page, job_id), "queued")
    cancel(stack, key, job_id)
    visitor.faults.clear()  # the failed fetch
