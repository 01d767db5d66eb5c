"""`manage.py up` from nothing, and again."""

import os
import re
import sqlite3
import subprocess
import sys
from pathlib import Path

import httpx
import psutil
import pytest

from mlapi.env import BASE_DIR, read_environment
from mlapi.lifeline import AUTOGROUP
from mlapi.management.commands.up import pasted, where_to_go
from tests.running import Stack, clean_environ, manage, processes_of, running, until

pytestmark = [pytest.mark.stack, pytest.mark.timeout(240)]


def tables(data_dir: Path) -> list[str]:
    """The database as text, without what a start may touch."""
    with sqlite3.connect(f"file:{data_dir / 'mlapi.sqlite3'}?mode=ro", uri=True) as connection:
        return sorted(connection.iterdump())


def test_it_says_where_to_go_and_serves_there(stack: Stack) -> None:
    for path in ("/", "/admin/login/", "/api/v1/docs/", "/livez", "/readyz"):
        assert f"{stack.base_url}/" in stack.log
        assert httpx.get(f"{stack.base_url}{path}").status_code == 200, path
    assert "Ctrl-C stops all of it" in stack.log


def test_the_password_it_prints_opens_the_admin_and_is_kept_nowhere(stack: Stack) -> None:
    found = re.search(r"Sign in +(\S+), password (\S+) \(shown once\)", stack.log)
    assert found
    name, password = found.groups()
    with httpx.Client(base_url=stack.base_url) as client:
        client.get("/admin/login/")
        answer = client.post(
            "/admin/login/?next=/admin/",
            data={
                "username": name,
                "password": password,
                "csrfmiddlewaretoken": client.cookies["csrftoken"],
            },
            headers={"Referer": f"{stack.base_url}/admin/login/"},
        )
    assert (answer.status_code, answer.headers["location"]) == (302, "/admin/")
    kept = [path for path in files_in(stack.data_dir) if holds(path, password)]
    assert kept == []


def test_a_later_start_says_how_to_set_another_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(BASE_DIR)
    monkeypatch.setattr(sys, "executable", str(BASE_DIR / ".venv" / "bin" / "python"))
    said = where_to_go(read_environment({}), None)["Sign in"]
    assert "shown at the first start" in said
    assert "`.venv/bin/python manage.py changepassword admin`" in said
    given = read_environment({"DJANGO_SUPERUSER_PASSWORD": "x"})
    assert "Sign in" not in where_to_go(given, None)


def test_a_command_works_from_any_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    done = subprocess.run(
        ["bash", "-c", pasted("env --help")],
        env=clean_environ(tmp_path),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "manage.py env" in done.stdout


def files_in(folder: Path) -> list[Path]:
    """Those there are now; others may come and go meanwhile."""
    return [Path(place, name) for place, _, names in os.walk(folder) for name in names]


def holds(path: Path, text: str) -> bool:
    try:
        return path.is_file() and text.encode() in path.read_bytes()
    except FileNotFoundError:  # it is gone, and what it held
        return False


def test_all_parts_run_and_only_the_web_listens(stack: Stack) -> None:
    names = {"valkey", "worker", "beat", "dispatch", "web"}
    up = psutil.Process(stack.process.pid)
    assert len(up.children()) == len(names)
    listening = {address for process in stack.tree() for address in listens(process)}
    assert listening == {("127.0.0.1", int(stack.base_url.rpartition(":")[2]))}


def listens(process: psutil.Process) -> set[tuple[str, int]]:
    try:
        found = process.net_connections("inet")
    except psutil.NoSuchProcess:  # a child that has done its work
        return set()
    return {(c.laddr.ip, c.laddr.port) for c in found if c.status == psutil.CONN_LISTEN}


def test_what_is_not_waited_for_stands_back(tmp_path: Path) -> None:
    as_delivered = read_environment({}).background_nice
    assert as_delivered == 10
    with running(tmp_path / "var", MLAPI_BACKGROUND_NICE=str(as_delivered)) as stack:
        priorities = {
            name: {priority_of(process) for process in [child, *child.children(recursive=True)]}
            for name in ("worker", "beat", "dispatch", "uvicorn")
            for child in [stack.child(name)]
        }
    back = {(10, 10 if AUTOGROUP.exists() else None)}
    front = {(0, 0 if AUTOGROUP.exists() else None)}
    assert priorities == {"worker": back, "beat": back, "dispatch": back, "uvicorn": front}


def priority_of(process: psutil.Process) -> tuple[int, int | None]:
    """Its own, and that of its session where the kernel schedules sessions as one."""
    session = Path(f"/proc/{process.pid}/autogroup")
    of_session = int(session.read_text().split()[-1]) if session.exists() else None
    return process.nice(), of_session


def test_nothing_of_it_is_readable_by_others(stack: Stack) -> None:
    assert stack.data_dir.stat().st_mode & 0o077 == 0
    assert (stack.data_dir / "secret_key").stat().st_mode & 0o077 == 0
    assert (stack.data_dir / "valkey" / "valkey.sock").stat().st_mode & 0o077 == 0


@pytest.mark.alone
def test_a_second_start_is_quick_and_changes_nothing(tmp_path: Path) -> None:
    data_dir = tmp_path / "var"
    with running(data_dir) as first:
        assert "(shown once)" in first.log
        assert "training the example models" in first.log
        assert first.log.count("registered by") == 3
    before = tables(data_dir)
    with running(data_dir) as second:
        ready_after = re.search(r"ready after ([0-9.]+) s", second.log)
        assert ready_after
        assert float(ready_after[1]) <= 45  # 15 s where nothing else runs
        assert "training the example models" not in second.log
        assert "(shown once)" not in second.log
    assert tables(data_dir) == before


@pytest.mark.parametrize("name", ["with a space", "x" * 150], ids=["space", "long"])
def test_any_data_folder_will_do(tmp_path: Path, name: str) -> None:
    with running(tmp_path / name / "var", "--no-worker") as stack:
        answer = httpx.post(f"{stack.base_url}/predict-async", json={"features": [5, 3, 1, 0.2]})
        assert answer.status_code == 200
        readyz = f"{stack.base_url}/readyz"
        until(lambda: httpx.get(readyz).json().get("degraded") == [], 30, "nothing is missed")
    assert processes_of(stack.data_dir) == []


def test_without_worker_there_is_neither_worker_nor_beat(tmp_path: Path) -> None:
    with running(tmp_path / "var", "--no-worker") as stack:
        commands = [" ".join(process.cmdline()) for process in stack.tree()]
    assert not any("celery" in command for command in commands)
    assert any("dispatch" in command for command in commands)


def test_djangos_superuser_variables_are_honoured(tmp_path: Path) -> None:
    data_dir = tmp_path / "var"
    given = {"DJANGO_SUPERUSER_USERNAME": "ada", "DJANGO_SUPERUSER_PASSWORD": "lovelace-1843"}
    with running(data_dir, "--no-worker", **given) as stack:
        assert "lovelace" not in stack.log
        for process in stack.tree()[1:]:
            assert "DJANGO_SUPERUSER_PASSWORD" not in process.environ()
    code = (
        "from django.contrib.auth import authenticate as a;"
        "print(a(username='ada', password='lovelace-1843').is_superuser)"
    )
    assert manage(data_dir, "shell", "-v0", "-c", code).stdout.strip() == "True"
