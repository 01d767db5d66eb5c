"""Parts started by hand: beside `manage.py up --no-worker`, and with nothing to work with."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from celery import Celery

from mlapi.env import read_environment
from tests.conftest import Install
from tests.running import BASE_DIR, clean_environ, manage, running, until

pytestmark = [pytest.mark.stack, pytest.mark.timeout(240)]
CELERY = [sys.executable, "-m", "celery", "-A", "mlapi"]


def celery(data_dir: Path, *words: str, **extra: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [*CELERY, *words],
        cwd=BASE_DIR,
        env=clean_environ(data_dir, **extra),
        capture_output=True,
        text=True,
        timeout=150,
        check=False,
    )


@contextmanager
def by_hand(log_path: Path, env: dict[str, str], *words: str) -> Iterator[Path]:
    with (
        log_path.open("wb") as log,
        subprocess.Popen(
            [*CELERY, *words], cwd=BASE_DIR, env=env, stdout=log, stderr=log
        ) as process,
    ):
        try:
            yield log_path
        finally:
            process.terminate()
            process.wait(60)


@pytest.mark.parametrize("part", [("worker", "-l", "info"), ("beat",)], ids=lambda p: p[0])
def test_celery_without_a_broker_says_what_to_start(tmp_path: Path, part: tuple[str, ...]) -> None:
    ended = celery(tmp_path / "var", *part)
    assert ended.returncode == 2, ended
    faults = [line for line in ended.stderr.splitlines() if line.startswith("mlapi: ")]
    assert len(faults) == 1, ended
    assert "start `manage.py up`, or set REDIS_URL" in faults[0]
    assert "Traceback" not in ended.stderr + ended.stdout


@pytest.mark.parametrize("part", [("worker", "-l", "info"), ("beat",)], ids=lambda p: p[0])
def test_celery_under_a_wrong_environment_ends_with_one_line(
    tmp_path: Path, part: tuple[str, ...]
) -> None:
    ended = celery(tmp_path / "var", *part, MLAPI_PORT="eighty")
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr == "mlapi: MLAPI_PORT must be a whole number from 1 to 65535.\n"


def test_dispatch_without_a_broker_says_what_to_start(tmp_path: Path) -> None:
    ended = manage(tmp_path / "var", "dispatch")
    assert ended.returncode == 2
    assert "start `manage.py up`, or set REDIS_URL" in ended.stderr
    assert len(ended.stderr.strip().splitlines()) == 1


def test_worker_and_beat_by_hand_join_a_stack_without_worker(
    tmp_path: Path, install: Install
) -> None:
    with running(install("joined"), "--no-worker") as stack:
        broker = Celery(broker=read_environment(stack.environment).broker_url, set_as_current=False)
        with (
            by_hand(tmp_path / "worker.log", stack.environment, "worker", "-l", "info"),
            by_hand(tmp_path / "beat.log", stack.environment, "beat") as beat_log,
        ):
            until(lambda: broker.control.ping(timeout=0.5, limit=1), 90, "the worker's answer")
            until(lambda: "JobScheduler" in beat_log.read_text(), 90, "beat's own words")
    assert list(BASE_DIR.glob("celerybeat*")) == []


@pytest.mark.parametrize("part", ["worker", "beat"])
def test_a_part_without_migrated_tables_says_what_to_run(
    tmp_path: Path, install: Install, part: str
) -> None:
    with running(install("tables"), "--no-worker") as stack:
        sqlite = {"DATABASE_URL": f"sqlite:///{tmp_path / 'empty.sqlite3'}"}
        production = {"DJANGO_SECRET_KEY": "k" * 60, "DJANGO_ALLOWED_HOSTS": "localhost"}
        ended = celery(stack.data_dir, part, **sqlite, **production)
    assert ended.returncode == 2
    assert "run `manage.py migrate`" in ended.stderr
    assert "Traceback" not in ended.stderr
