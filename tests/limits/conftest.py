"""One server with small limits for all tests that only ask it something."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.doors.servers import served
from tests.limits.dialling import IN_FLIGHT, RECEIVE_S


@pytest.fixture(scope="session")
def url(installed: Path) -> Iterator[str]:
    limits = {"MLAPI_RECEIVE_S": str(RECEIVE_S), "MLAPI_MAX_IN_FLIGHT": str(IN_FLIGHT)}
    with served("uvicorn", installed, **limits) as address:
        yield address
