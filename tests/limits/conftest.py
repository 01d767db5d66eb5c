"""One server with small limits for all tests that only ask it something."""

from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.doors.servers import served_process
from tests.limits.dialling import IN_FLIGHT, RECEIVE_S


@pytest.fixture(scope="session")
def server(installed: Path) -> Iterator[tuple[psutil.Process, str]]:
    """Its one process and its address."""
    limits = {"MLAPI_RECEIVE_S": str(RECEIVE_S), "MLAPI_MAX_IN_FLIGHT": str(IN_FLIGHT)}
    with served_process("uvicorn", installed, **limits) as (process, address):
        yield psutil.Process(process.pid), address


@pytest.fixture(scope="session")
def url(server: tuple[psutil.Process, str]) -> str:
    return server[1]
