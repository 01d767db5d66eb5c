"""What all tests share."""

import fcntl
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from hypothesis import HealthCheck, settings

from tests.remembered import Remembered
from tests.running import Stack, manage, running

Install = Callable[[str], Path]

# A busy machine may be slow for a moment; that is no finding.
settings.register_profile(
    "shared", deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True
)
settings.load_profile("shared")
# A client that names no time of its own waits for a minute: all share httpx's one default of 5 s.
PATIENCE: httpx.Timeout = httpx.get.__kwdefaults__["timeout"]
PATIENCE.connect = PATIENCE.read = PATIENCE.write = PATIENCE.pool = 60.0
LONGEST_S = 400  # a test, with what it waits for first: examples are trained, services start


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Those that may have to start a service are given the time for it."""
    for item in items:
        if "install" in getattr(item, "fixturenames", ()) or item.get_closest_marker("stack"):
            given = item.get_closest_marker("timeout")
            if given is None or given.args[0] < LONGEST_S:
                item.add_marker(pytest.mark.timeout(LONGEST_S), append=False)


@pytest.fixture(scope="session")
def stack(install: Install) -> Iterator[Stack]:
    """One `manage.py up` for all tests that only ask it something: none may break it."""
    tests_fail_often = {"MLAPI_FAILED_ATTEMPTS": "1000000"}
    with running(install("stack"), MLAPI_WORKERS="2", **tests_fail_often) as started:
        yield started


@pytest.fixture(scope="session")
def installed(install: Install) -> Path:
    """A data folder with tables and the example models; servers of several tests share it."""
    return install("installed")


@pytest.fixture(scope="session")
def install(tmp_path_factory: pytest.TempPathFactory) -> Install:
    """Copies tables and example models into a new data folder: far quicker than to train them."""
    shared = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent  # the first tester makes them, the others wait
    original = shared / "original" / "var"
    with (shared / "original.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not original.exists():
            make_original(shared / "being made" / "var").parent.rename(original.parent)

    def copied(name: str) -> Path:
        return shutil.copytree(original, tmp_path_factory.mktemp(name) / "var")

    return copied


def make_original(data_dir: Path) -> Path:
    for words in (["migrate", "-v0"], ["register_examples"]):
        done = manage(data_dir, *words, within_s=300)
        assert done.returncode == 0, done.stderr
    return data_dir


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(autouse=True)
def remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only where scikit-learn is there already: it takes seconds to import."""
    if opening := sys.modules.get("modelregistry.ingestion.opening"):
        memory = Remembered.of(opening.read_source, opening.convert_source)
        monkeypatch.setattr(opening, "read_source", memory.read_source)
        monkeypatch.setattr(opening, "convert_source", memory.convert_source)
