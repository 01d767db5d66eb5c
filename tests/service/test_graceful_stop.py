"""A stop breaks no request that had arrived when it was asked for, and ends in time."""

import json
import re
from pathlib import Path

import pytest
import yaml

from mlapi.env import read_environment
from mlapi.stack import WEB_END_S, WEB_GRACE_S
from tests.delivery.compose import GIVEN, TEXT, interpolated
from tests.running import BASE_DIR
from tests.service.stopping import stop_under_load

PRODUCTION = {"REDIS_URL": "redis://h", "DJANGO_ALLOWED_HOSTS": "h"}
LONGEST_S = 25


@pytest.mark.stack
@pytest.mark.alone
@pytest.mark.parametrize("door", ["uvicorn", "uvicorn with two workers"])
@pytest.mark.parametrize("drain_s", [0, 1])
def test_what_had_arrived_is_answered(installed: Path, door: str, drain_s: int) -> None:
    stop = stop_under_load(door, installed, MLAPI_DRAIN_S=str(drain_s))
    assert stop.answered > 100
    assert stop.broken == 0
    assert stop.exit_s < LONGEST_S


def test_all_graces_together_are_within_the_promise() -> None:
    drain_s = read_environment(PRODUCTION).drain_s
    assert drain_s > 0
    assert drain_s + WEB_GRACE_S + WEB_END_S <= LONGEST_S


def test_the_image_and_compose_have_the_same_graces() -> None:
    command = re.findall(r"^CMD (\[.*)$", (BASE_DIR / "Dockerfile").read_text(), re.MULTILINE)[-1]
    words = json.loads(command)
    compose = yaml.safe_load(interpolated(TEXT, GIVEN))

    assert words[words.index("--timeout-graceful-shutdown") + 1] == str(WEB_GRACE_S)
    assert compose["services"]["web"]["stop_grace_period"] == f"{LONGEST_S}s"


def test_the_image_starts_connections_with_limits() -> None:
    assert '"--http", "mlapi.asgi:Http"' in (BASE_DIR / "Dockerfile").read_text()
