"""Jobs for tests of live pages, and what of them is seen there."""

from collections.abc import Iterator
from contextlib import contextmanager

import httpx
from playwright.sync_api import Locator, Page, expect

from tests.running import Stack

LIST = "/admin/jobs/job/"
NEVER = "2100-01-01T00:00:00Z"
WITHIN_MS = 60_000
ROW = {"features": [5.1, 3.5, 1.4, 0.2]}


def submit(stack: Stack, key: str, kind: str, params: object, **facts: object) -> str:
    answer = httpx.post(
        f"{stack.base_url}/api/v1/jobs/",
        json={"kind": kind, "params": params, **facts},
        headers={"Authorization": f"Bearer {key}"},
    )
    assert answer.status_code == 202, answer.text
    job_id: str = answer.json()["id"]
    return job_id


def cancel(stack: Stack, key: str, job_id: str) -> None:
    path = f"{stack.base_url}/api/v1/jobs/{job_id}/cancel/"
    answer = httpx.post(path, headers={"Authorization": f"Bearer {key}"})
    assert answer.status_code in (202, 409), answer.text


@contextmanager
def nobody_at_work(stack: Stack) -> Iterator[None]:
    """The worker stands still meanwhile, so that what comes is seen waiting."""
    worker = stack.child("-m", "celery", "worker")
    worker.suspend()
    try:
        yield
    finally:
        worker.resume()


def row_of(page: Page, job_id: str) -> Locator:
    return page.locator("#result_list tbody").filter(has=page.locator(f'[data-job="{job_id}"]'))


def state_in(where: Locator, word: str) -> None:
    expect(where.locator(f'[data-show="state"][data-state="{word}"]')).to_be_visible(
        timeout=WITHIN_MS
    )


def live(page: Page) -> None:
    expect(page.locator("#jobs-indicator")).to_have_text("Live", timeout=WITHIN_MS)
