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
        told = 503, ["default model"]
        until(lambda: not_ready_yet(stack) == told, 30, "all but the model")
        registered = manage(data_dir, "register_examples", within_s=180, **services)
        assert registered.returncode == 0, registered
        until(stack.is_ready, 60, "the model served")
        until(lambda: {predicted(stack) for _ in range(8)} == {200}, 30, "by every process")
    with running(data_dir, **services) as again:
        assert "there is no model" not in again.log
        assert predicted(again) == 200


def not_ready_yet(stack: Stack) -> tuple[int, list[str] | None]:
    answer = httpx.get(f"{stack.base_url}/readyz")
    return answer.status_code, answer.json().get("waiting_for")


def predicted(stack: Stack) -> int:
    body = {"features": [5.1, 3.5, 1.4, 0.2]}
    return httpx.post(f"{stack.base_url}/predict-async", json=body).status_code
