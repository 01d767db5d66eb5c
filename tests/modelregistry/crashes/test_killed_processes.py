"""A worker that is really killed while the confined process is at work: nothing of it stays."""

import signal
import sqlite3
import subprocess
import sys
from contextlib import closing, suppress
from pathlib import Path

import psutil
import pytest

from tests.running import BASE_DIR, clean_environ, until

CHECK_AND_DIE = """
import os, signal, sys
import django
django.setup()
from django.core.management import call_command
from modelregistry.tasks.checking import Steps
from tests.modelregistry.crashes.operations import handed_in, run_job

def dying(steps, name):
    if name == "convert":
        os.kill(os.getpid(), signal.SIGKILL)

call_command("migrate", verbosity=0)
handed_in("plants")
Steps.__call__ = dying
run_job("plants")
"""
COME_AFTER = """
import django
django.setup()
from modelregistry.models import ModelVersion
from tests.crashing import Broker
from tests.modelregistry.crashes.agreement import check_agreement, look_after, tidy_up, work_off
from tests.modelregistry.crashes.operations import newest_job

look_after(Broker())
work_off("plants")
check_agreement("plants")
tidy_up()
print(ModelVersion.objects.get().state, newest_job("plants").attempt)
"""


def run(data_dir: Path, program: str) -> "subprocess.CompletedProcess[str]":
    environ = clean_environ(data_dir, DJANGO_SETTINGS_MODULE="mlapi.settings")
    return subprocess.run(
        [sys.executable, "-c", program],
        env=environ, cwd=BASE_DIR, capture_output=True, text=True, timeout=250, check=False,
    )  # fmt: skip


def at_work_in(folder: Path) -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.cwd().startswith(str(folder)):
                found.append(process)
    return found


def kept(data_dir: Path, question: str) -> list[tuple[str]]:
    with closing(sqlite3.connect(data_dir / "mlapi.sqlite3")) as database:
        return database.execute(question).fetchall()


@pytest.mark.timeout(600)  # of two programs one after the other
def test_a_check_whose_worker_is_killed_is_finished_by_another(tmp_path: Path) -> None:
    data_dir = tmp_path / "var"
    died = run(data_dir, CHECK_AND_DIE)
    assert died.returncode == -signal.SIGKILL, died.stderr
    until(lambda: not at_work_in(data_dir), 30, "the confined process has gone too")
    assert kept(data_dir, "select state from modelregistry_modelversion") == [("converting",)]
    assert kept(data_dir, "select state from jobs_job") == [("running",)]
    assert list((data_dir / "intake").iterdir()) != []

    after = run(data_dir, COME_AFTER)
    assert (after.returncode, after.stdout.split()) == (0, ["ready", "2"]), after.stderr
    assert list((data_dir / "intake").iterdir()) == []
