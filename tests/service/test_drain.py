"""SIGTERM: load balancers are told first, the socket closes later."""

from pathlib import Path

import httpx
import pytest

from tests.doors.servers import served_process
from tests.running import until

pytestmark = pytest.mark.stack
BODY = {"features": [5.1, 3.5, 1.4, 0.2]}


def status(url: str) -> int | None:
    """The status of /readyz on a new connection; None where nobody answers."""
    try:
        return httpx.get(f"{url}/readyz", timeout=5).status_code
    except httpx.TransportError:
        return None


def draining(url: str) -> bool:
    return httpx.get(f"{url}/readyz", timeout=5).json().get("draining", False)


@pytest.mark.parametrize("server", ["uvicorn", "uvicorn with two workers"])
def test_a_stopping_server_is_not_ready_but_answers_until_its_time_is_over(
    installed: Path, server: str
) -> None:
    with served_process(server, installed, MLAPI_DRAIN_S="10") as (process, url):
        process.terminate()
        # Every process hears of it by itself, and any of them may answer.
        until(lambda: all(draining(url) for _ in range(8)), 8, "readyz turns")
        assert status(url) == 503
        assert httpx.post(f"{url}/predict-async", json=BODY).status_code == 200
        until(lambda: status(url) is None, 30, "the socket closes")
        process.wait(30)


def test_without_a_drain_time_the_server_stops_at_once(installed: Path) -> None:
    with served_process("uvicorn", installed, MLAPI_DRAIN_S="0") as (process, url):
        process.terminate()
        until(lambda: status(url) is None, 30, "the socket closes")
        process.wait(30)
