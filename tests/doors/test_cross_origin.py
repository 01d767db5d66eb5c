"""Pages of listed origins may read what REST and predictions answer, behind every door."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.doors.cases import JSON, NATIVE, ONE, ROW, rows
from tests.doors.servers import DOORS, Ask, opened

pytestmark = pytest.mark.stack
LISTED, OTHER = "https://app.example.org", "https://app.example.org.evil.example"
ORIGINS = {"MLAPI_CORS_ORIGINS": f"{LISTED}, http://localhost:3000"}
ALLOWED = "access-control-allow-origin"
LANE = {"/predict-async": ONE, "/predict-async/": ONE, NATIVE: rows(ROW)}
DJANGO = {"/predict-sync": ONE, "/predict/async": ONE}
PREFLIGHT = {
    "Access-Control-Request-Method": "POST",
    "Access-Control-Request-Headers": "authorization,content-type,idempotency-key",
}


@pytest.fixture(scope="module", params=[*DOORS, "uvicorn with its own HTTP"])
def ask(request: pytest.FixtureRequest, installed: Path) -> Iterator[Ask]:
    with opened(request.param, installed, **ORIGINS) as ask:
        yield ask


def test_a_listed_page_reads_answers_and_refusals(ask: Ask) -> None:
    for path, good in (LANE | DJANGO).items():
        for body, status in ((good, 200), (b"{}", 422), (b" " * 10_000_001, 413)):
            got, headers, _ = ask("POST", path, JSON | {"Origin": LISTED}, body)
            assert (got, headers.get(ALLOWED)) == (status, LISTED), path
            assert headers["vary"].lower() == "origin", path
            exposed = headers["access-control-expose-headers"].split(", ")
            assert {"x-request-id", "retry-after"} <= set(exposed)
            assert "access-control-allow-credentials" not in headers


def test_another_page_is_told_nothing_that_its_browser_would_let_it_read(ask: Ask) -> None:
    for path, body in (LANE | DJANGO).items():
        for origin in (OTHER, "null", "http://app.example.org", f"{LISTED}:8443"):
            status, headers, _ = ask("POST", path, JSON | {"Origin": origin}, body)
            assert status == 200
            assert ALLOWED not in headers, (path, origin)
            assert headers["vary"].lower() == "origin", path


def test_preflights_are_answered_for_listed_origins_alone(ask: Ask) -> None:
    for path in LANE | DJANGO | {"/api/v1/models/": b"", "/api/v1/schema/": b""}:
        status, headers, body = ask("OPTIONS", path, PREFLIGHT | {"Origin": LISTED}, b"")
        assert (status, body, headers[ALLOWED]) == (200, b"", LISTED), path
        assert "POST" in headers["access-control-allow-methods"]
        asked = set(PREFLIGHT["Access-Control-Request-Headers"].split(","))
        assert asked <= set(headers["access-control-allow-headers"].split(", "))
        _, headers, _ = ask("OPTIONS", path, PREFLIGHT | {"Origin": OTHER}, b"")
        assert ALLOWED not in headers, path


def test_pages_with_sessions_answer_no_other_origin(ask: Ask) -> None:
    for path in ("/admin/login/", "/api/v1/docs/", "/", "/metrics", "/readyz"):
        for method in ("GET", "OPTIONS"):
            _, headers, _ = ask(method, path, PREFLIGHT | {"Origin": LISTED}, b"")
            assert not [name for name in headers if name.startswith("access-control")], path


def test_who_asks_from_no_page_is_answered_as_always(ask: Ask) -> None:
    status, headers, _ = ask("POST", "/predict-async", JSON, ONE)
    assert status == 200
    assert ALLOWED not in headers
    status, headers, _ = ask("OPTIONS", "/predict-async", {"Origin": LISTED}, b"")
    assert (status, headers["allow"]) == (405, "POST")


@pytest.mark.parametrize("door", ["uvicorn", "test client"])
def test_without_a_list_no_page_may_ask(installed: Path, door: str) -> None:
    with opened(door, installed) as ask:
        for path, body in (LANE | DJANGO).items():
            _, headers, _ = ask("POST", path, JSON | {"Origin": LISTED}, body)
            assert not [name for name in headers if name.startswith("access-control")]
            status, headers, _ = ask("OPTIONS", path, PREFLIGHT | {"Origin": LISTED}, b"")
            assert status == 405
            assert not [name for name in headers if name.startswith("access-control")]
