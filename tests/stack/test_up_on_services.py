"""`manage.py up` under production rules, on PostgreSQL and Redis where they answer."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.running import Stack, manage, running, until
from tests.services import own_services

pytestmark = [pytest.mark.stack, pytest.mark.timeout(240)]


@pytest.fixture
def services() -> Iterator[dict[str, str]]:
    """The variables of production, with a database of its own."""
    with own_services(13) as urls:
        yield {
            **urls,
            "DJANGO_SECRET_KEY": "k" * 60,
            "DJANGO_ALLOWED_HOSTS": "localhost,127.0.0.1",
        }


def test_it_runs_without_a_model_and_serves_the_first_one(
    tmp_path: Path, services: dict[str, str]
) -> None:
    data_dir = tmp_path / "var"
    with running(data_dir, **services) as stack:
        assert "there is no model iris to serve yet" in stack.log
        assert not any(p.name().startswith("valkey") for p in stack.tree())
        waiting = httpx.get(f"{stack.base_url}/readyz")
        assert (waiting.status_code, waiting.json()["waiting_for"]) == (503, ["default model"])
        registered = manage(data_dir, "register_examples", within_s=100, **services)
        assert registered.returncode == 0, registered
        until(stack.is_ready, 20, "the model served")
        assert predicted(stack) == 200
    with running(data_dir, **services) as again:
        assert "there is no model" not in again.log
        assert predicted(again) == 200


def predicted(stack: Stack) -> int:
    body = {"features": [5.1, 3.5, 1.4, 0.2]}
    return httpx.post(f"{stack.base_url}/predict-async", json=body).status_code
