"""What all tests share."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.running import Stack, manage, running

# A busy machine may be slow for a moment; that is no finding.
settings.register_profile(
    "shared", deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True
)
settings.load_profile("shared")


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """One `manage.py up` for all tests that only ask it something: none may break it."""
    with running(tmp_path_factory.mktemp("stack") / "var", MLAPI_WORKERS="2") as started:
        yield started


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with tables and the example models; servers of several tests share it."""
    data_dir = tmp_path_factory.mktemp("installed") / "var"
    for words in (["migrate", "-v0"], ["register_examples"]):
        done = manage(data_dir, *words, within_s=300)
        assert done.returncode == 0, done.stderr
    return data_dir


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"
