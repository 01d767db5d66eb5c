"""In a browser, a page of another origin reads predictions where its origin is listed."""

from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from playwright.sync_api import Browser

from tests.doors.servers import served
from tests.running import manage

pytestmark = [pytest.mark.browser, pytest.mark.stack]
ASK = """async ([url, key]) => {
  const headers = {"Content-Type": "application/json", "X-Request-ID": "mine"};
  if (key) headers["Authorization"] = `Bearer ${key}`;
  try {
    const answer = await fetch(url, {
      method: "POST", headers, body: JSON.stringify({features: [5.1, 3.5, 1.4, 0.2]}),
    });
    return [answer.status, answer.headers.get("X-Request-ID"), (await answer.json()).prediction];
  } catch (error) {
    return [error.name];
  }
}"""
ROUTES = ("/predict-async", "/predict-sync")


class Blank(BaseHTTPRequestHandler):
    """A page of somebody else's."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(b"<!doctype html><title>elsewhere</title>")

    def log_message(self, *_: Any) -> None:
        return


@contextmanager
def elsewhere() -> Iterator[int]:
    """The port of a site that is not ours."""
    with HTTPServer(("127.0.0.1", 0), Blank) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()


def asked(browser: Browser, page_url: str, url: str, key: str = "") -> list[Any]:
    page = browser.new_page()
    try:
        page.goto(page_url)
        told: list[Any] = page.evaluate(ASK, [url, key])
    finally:
        page.close()
    return told


def test_a_listed_page_reads_predictions_and_refusals_and_another_page_nothing(
    browser: Browser, installed: Path
) -> None:
    owner = ("createsuperuser", "--noinput", "--username", "page", "--email", "")
    assert manage(installed, *owner, DJANGO_SUPERUSER_PASSWORD="unused-here").returncode == 0
    key = manage(installed, "create_api_key", "page").stdout.strip()
    with elsewhere() as port:
        listed, other = f"http://127.0.0.1:{port}", f"http://localhost:{port}"
        with served("uvicorn", installed, MLAPI_CORS_ORIGINS=listed) as url:
            for route in ROUTES:
                assert asked(browser, listed, url + route) == [200, "mine", 0]
                assert asked(browser, listed, url + route, key) == [200, "mine", 0]
                assert asked(browser, listed, url + route, "wrong")[:2] == [401, "mine"]
                assert asked(browser, other, url + route) == ["TypeError"]
            assert asked(browser, listed, f"{url}/admin/login/") == ["TypeError"]
