"""What browsers are told of pages and of data; that pages work so, every test of pages watches."""

import httpx
import pytest

from tests.running import Stack
from tests.web.conftest import NewVisitor

pytestmark = pytest.mark.stack
STRICT = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self' data:",
    "font-src": "'self'",
    "connect-src": "'self'",
    "form-action": "'self'",
    "base-uri": "'self'",
    "object-src": "'none'",
    "frame-ancestors": "'none'",
}
INLINE_STYLE = {"style-src": "'self' 'unsafe-inline'"}
POLICIES = {
    "/": STRICT,
    "/api/v1/docs/": STRICT | INLINE_STYLE,
    "/admin/login/": STRICT | INLINE_STYLE | {"script-src": "'self' 'unsafe-eval'"},
    "/static/mlapi/favicon.svg": STRICT,  # shown by itself it is a page, too
}


def directives(answer: httpx.Response) -> dict[str, str]:
    parts = answer.headers["content-security-policy"].split("; ")
    return dict(part.split(" ", 1) for part in parts)


@pytest.mark.parametrize("path", POLICIES)
def test_a_page_loads_and_runs_what_it_needs_from_here_and_nothing_else(
    stack: Stack, path: str
) -> None:
    answer = httpx.get(stack.base_url + path)
    assert answer.status_code == 200
    assert directives(answer) == POLICIES[path]
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "same-origin"
    assert answer.headers["cross-origin-opener-policy"] == "same-origin"
    assert "camera=()" in answer.headers["permissions-policy"]


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/predict-async", '{"features": [5.1, 3.5, 1.4, 0.2]}'),
        ("POST", "/predict-async", "{}"),
        ("POST", "/predict-sync", '{"features": [5.1, 3.5, 1.4, 0.2]}'),
        ("GET", "/api/v1/schema/?format=json", ""),
        ("GET", "/api/v1/models/", ""),
        ("GET", "/readyz", ""),
        ("GET", "/nothing-there", ""),
    ],
)
def test_data_is_no_page_and_is_never_taken_for_one(
    stack: Stack, method: str, path: str, body: str
) -> None:
    answer = httpx.request(method, stack.base_url + path, content=body)
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "content-security-policy" not in answer.headers


@pytest.mark.browser
def test_a_violation_is_a_fault_that_every_test_of_pages_sees(new_visitor: NewVisitor) -> None:
    visitor = new_visitor()
    visitor.visit("/")
    visitor.page.evaluate(
        """() => {
          const script = document.createElement("script");
          script.textContent = "window.wasRun = true";
          document.head.append(script);
        }"""
    )
    assert visitor.page.evaluate("window.wasRun") is None
    assert any("Content Security Policy" in fault for fault in visitor.faults), visitor.faults
    visitor.faults.clear()
