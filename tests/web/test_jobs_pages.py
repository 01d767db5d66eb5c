"""Jobs in the admin as staff watch them: list and page follow by themselves."""

import re

import httpx
import pytest
from playwright.sync_api import Page, WebSocketRoute, expect
from sklearn.datasets import load_diabetes

from tests.running import Stack
from tests.web.browser import LOOKS
from tests.web.conftest import NewVisitor
from tests.web.watching import (
    LIST,
    NEVER,
    ROW,
    WITHIN_MS,
    cancel,
    live,
    nobody_at_work,
    row_of,
    state_in,
    submit,
)

pytestmark = [pytest.mark.browser, pytest.mark.stack]
REMEMBER_STATES = """
    id => {
      window.states = window.states ?? {};
      const seen = window.states[id] = [];
      const look = () => {
        const row = document.querySelector(`[data-job="${id}"]`)?.closest("tbody")
          ?? document.getElementById("job");
        const word = row?.querySelector('[data-show="state"]')?.dataset.state;
        if (word && seen.at(-1) !== word) seen.push(word);
      };
      look();
      new MutationObserver(look).observe(
        document.body, {subtree: true, childList: true, attributes: true});
    }
"""


def states_of(page: Page, job_id: str) -> list[str]:
    seen: list[str] = page.evaluate("id => window.states[id]", job_id)
    return seen


def long_lesson() -> dict[str, object]:
    """What takes seconds to learn: whoever watches sees it running, on a warm worker too."""
    rows, target = load_diabetes(return_X_y=True)
    return {"model": "diabetes", "rows": rows.tolist() * 25, "target": target.tolist() * 25}


@pytest.mark.timeout(240)
def test_the_list_follows_a_prediction_and_a_retraining_without_a_reload(
    new_admin: NewVisitor, stack: Stack, key: str
) -> None:
    visitor = new_admin()
    page = visitor.page
    visitor.visit(LIST)
    live(page)
    page.evaluate("window.untouched = true")

    with nobody_at_work(stack):
        answer = httpx.post(f"{stack.base_url}/predict/async", json=ROW)
        prediction = str(answer.json()["task_id"])
        retraining = submit(stack, key, "retrain_model_task", long_lesson())
        for job_id in (prediction, retraining):
            page.evaluate(REMEMBER_STATES, job_id)
            state_in(row_of(page, job_id), "queued")
        visitor.picture("jobs-queued")
    state_in(row_of(page, retraining), "running")
    visitor.picture("jobs-running")
    for job_id in (prediction, retraining):
        state_in(row_of(page, job_id), "succeeded")
    visitor.picture("jobs-succeeded")

    assert page.evaluate("window.untouched") is True
    assert states_of(page, retraining) == ["queued", "running", "succeeded"]
    assert states_of(page, prediction) in (
        ["queued", "running", "succeeded"],
        ["queued", "succeeded"],  # it ran for less time than there is between two frames
    )
    expect(row_of(page, retraining).get_by_role("link", name="diabetes")).to_be_visible()


@pytest.mark.timeout(240)
def test_a_jobs_page_follows_progress_log_and_result_without_a_reload(
    new_admin: NewVisitor, stack: Stack, key: str
) -> None:
    visitor = new_admin()
    page = visitor.page
    with nobody_at_work(stack):
        job_id = submit(stack, key, "retrain_model_task", {"model": "diabetes"})
        visitor.visit(f"{LIST}{job_id}/change/")
        live(page)
        page.evaluate("window.untouched = true")
        page.evaluate(REMEMBER_STATES, job_id)

    expect(page.locator("#job .jobs-progress span")).to_contain_text("of", timeout=WITHIN_MS)
    visitor.picture("job-running")
    state_in(page.locator("#job"), "succeeded")
    expect(page.get_by_role("region", name="Result")).to_contain_text("held-out rows")
    visitor.picture("job-succeeded")

    log = page.locator("#job-log li")
    expect(log.filter(has_text="Step 1")).to_have_count(1)
    expect(log.last).to_have_text(re.compile(r"Succeeded\.$"), use_inner_text=True)
    sequence = [int(text) for text in log.evaluate_all("lines => lines.map(l => l.dataset.seq)")]
    assert sequence == sorted(set(sequence))
    assert states_of(page, job_id)[-1] == "succeeded"
    expect(page.locator("#jobs-announcer")).to_have_text("This job is succeeded now.")
    assert page.evaluate("window.untouched") is True


@pytest.mark.timeout(240)
@pytest.mark.parametrize(("scheme", "width"), LOOKS)
def test_list_page_and_load_test_read_well_in_every_light_and_width(
    new_admin: NewVisitor, stack: Stack, key: str, scheme: str, width: int
) -> None:
    visitor = new_admin(scheme=scheme, width=width)
    page = visitor.page
    params = {"model": "iris", "requests": 400, "concurrency": 4}
    loaded = submit(stack, key, "load_test_task", params)
    broken = submit(stack, key, "predict_task", {"features": [1]})

    visitor.visit(LIST)
    for job_id, word in ((loaded, "succeeded"), (broken, "failed")):
        state_in(row_of(page, job_id), word)
    visitor.picture("jobs")
    too_wide = {"list": visitor.overflow()}
    visitor.visit(f"{LIST}{loaded}/change/")
    live(page)
    expect(page.locator("canvas.chart")).to_have_count(2)
    visitor.picture("job-load-test")
    too_wide["load test"] = visitor.overflow()
    visitor.visit(f"{LIST}{broken}/change/")
    page.get_by_text("Traceback", exact=True).click()
    visitor.picture("job-failed")
    too_wide["failed"] = visitor.overflow()
    visitor.visit("/admin/")
    expect(page.get_by_text("expected 4 values").first).to_be_visible()
    visitor.picture("dashboard-jobs")
    too_wide["front page"] = visitor.overflow()

    assert set(too_wide.values()) == {0}, too_wide


def test_plots_are_drawn_when_the_load_test_ends_under_ones_eyes(
    new_admin: NewVisitor, stack: Stack, key: str
) -> None:
    visitor = new_admin()
    params = {"model": "iris", "requests": 1500, "concurrency": 4}
    job_id = submit(stack, key, "load_test_task", params)
    visitor.visit(f"{LIST}{job_id}/change/")

    state_in(visitor.page.locator("#job"), "succeeded")
    expect(visitor.page.locator("canvas.chart")).to_have_count(2)

    drawn = "() => [...document.querySelectorAll('canvas.chart')].map(c => !!Chart.getChart(c))"
    visitor.page.wait_for_function(f"({drawn})().every(Boolean)")
    assert visitor.page.evaluate(drawn) == [True, True]


def test_without_a_socket_list_and_page_ask_again_and_again(
    new_admin: NewVisitor, stack: Stack, key: str
) -> None:
    visitor = new_admin()
    page = visitor.page
    page.route_web_socket("**/ws/**", lambda socket: socket.close())
    job_id = submit(stack, key, "predict_task", ROW, not_before=NEVER)

    visitor.visit(LIST)
    expect(page.locator("#jobs-indicator")).to_contain_text("asking every 2 seconds")
    state_in(row_of(page, job_id), "queued")
    newer = submit(stack, key, "predict_task", ROW, not_before=NEVER)
    state_in(row_of(page, newer), "queued")
    cancel(stack, key, newer)
    state_in(row_of(page, newer), "cancelled")
    visitor.visit(f"{LIST}{job_id}/change/")
    expect(page.locator("#jobs-indicator")).to_contain_text("asking every 2 seconds")
    cancel(stack, key, job_id)
    state_in(page.locator("#job"), "cancelled")

    expect(page.locator("#job-log")).to_contain_text("Cancelled by")


def test_a_lost_socket_is_opened_again_and_shows_what_was_missed(
    new_admin: NewVisitor, stack: Stack, key: str
) -> None:
    visitor = new_admin()
    page = visitor.page
    opened: list[WebSocketRoute] = []

    def through(socket: WebSocketRoute) -> None:
        opened.append(socket)
        socket.connect_to_server()

    page.route_web_socket("**/ws/**", through)
    job_id = submit(stack, key, "predict_task", ROW, not_before=NEVER)
    visitor.visit(f"{LIST}{job_id}/change/")
    live(page)

    opened[0].close(code=1012)
    cancel(stack, key, job_id)
    state_in(page.locator("#job"), "cancelled")
    live(page)

    assert len(opened) >= 2


def test_the_keyboard_cancels_and_retries(new_admin: NewVisitor, stack: Stack, key: str) -> None:
    visitor = new_admin()
    page = visitor.page
    job_id = submit(stack, key, "predict_task", ROW, not_before=NEVER)
    visitor.visit(f"{LIST}{job_id}/change/")

    page.get_by_role("button", name="Cancel").focus()
    assert visitor.focus_outline() >= 2
    page.keyboard.press("Enter")
    state_in(page.locator("#job"), "cancelled")
    expect(page.get_by_role("button", name="Cancel")).to_be_hidden()
    expect(page.locator("#job-facts")).to_contain_text("Finished")  # fetched: nothing is under way
    page.get_by_role("button", name="Retry").focus()
    page.keyboard.press("Enter")
    page.wait_for_url(lambda url: job_id not in url)
    state_in(page.locator("#job"), "succeeded")

    expect(page.get_by_role("link", name=job_id)).to_be_visible()


def test_an_empty_list_fills_by_itself(new_admin: NewVisitor, stack: Stack, key: str) -> None:
    visitor = new_admin()
    page = visitor.page
    params = {"model": "iris", "version": 1}
    visitor.visit(f"{LIST}?kind=convert_model_task&state=queued")
    live(page)
    expect(page.get_by_text("Nothing matches")).to_be_visible()

    job_id = submit(stack, key, "convert_model_task", params, not_before=NEVER)

    state_in(row_of(page, job_id), "queued")
    cancel(stack, key, job_id)
