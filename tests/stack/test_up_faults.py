"""What cannot be is said in one line, with exit status 2 and never a traceback."""

import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from jobs.preconditions import BOUND_S, broker_fault
from tests.running import Stack, free_port, manage

pytestmark = [pytest.mark.stack, pytest.mark.timeout(120)]
PRODUCTION = {"DJANGO_SECRET_KEY": "k" * 60, "DJANGO_ALLOWED_HOSTS": "localhost"}


@pytest.fixture
def silent() -> Iterator[int]:
    """A port that accepts and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def one_line(ended: "subprocess.CompletedProcess[str]") -> str:
    assert ended.returncode == 2, ended
    lines = ended.stderr.strip().splitlines()
    assert len(lines) == 1, ended.stderr
    assert "Traceback" not in ended.stdout
    return lines[0]


def test_a_taken_port(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        ended = manage(tmp_path / "var", "up", "--port", str(port))
    assert f"port {port} on 127.0.0.1 is taken" in one_line(ended)


def test_an_address_of_another_machine(tmp_path: Path) -> None:
    ended = manage(tmp_path / "var", "up", "--host", "192.0.2.1", MLAPI_PORT=str(free_port()))
    assert "192.0.2.1 cannot be listened on" in one_line(ended)


@pytest.mark.parametrize("port", ["0", "70000", "http", "-1"])
def test_a_port_that_is_none(tmp_path: Path, port: str) -> None:
    ended = manage(tmp_path / "var", "up", f"--port={port}")
    assert "MLAPI_PORT must be a whole number from 1 to 65535" in one_line(ended)


def test_a_data_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    ended = manage(tmp_path / "file" / "var" / "of it", "up")
    assert "cannot be made" in one_line(ended)


def test_a_second_up_on_the_same_data_folder(stack: Stack) -> None:
    ended = manage(stack.data_dir, "up", MLAPI_PORT=str(free_port()))
    assert "already running on the data folder" in one_line(ended)
    assert stack.is_ready()


@pytest.mark.parametrize("scheme", ["redis", "postgres"])
def test_a_service_that_refuses_or_stays_silent(tmp_path: Path, silent: int, scheme: str) -> None:
    name = {"redis": "REDIS_URL", "postgres": "DATABASE_URL"}[scheme]
    for port in (silent, free_port()):
        given = {name: f"{scheme}://user:geheim@127.0.0.1:{port}/0", **PRODUCTION}
        ended = manage(tmp_path / "var", "up", MLAPI_PORT=str(free_port()), **given)
        line = one_line(ended)
        assert "does not answer" in line
        assert name in line
        assert "geheim" not in line


@pytest.mark.alone
def test_a_silent_broker_is_given_up_soon(silent: int) -> None:
    started = time.monotonic()
    fault = broker_fault(f"redis://127.0.0.1:{silent}/0")
    assert time.monotonic() - started < BOUND_S + 2
    assert fault
    assert "does not answer" in fault


def test_no_valkey_and_no_broker(tmp_path: Path) -> None:
    ended = manage(tmp_path / "var", "up", "--no-valkey", MLAPI_PORT=str(free_port()))
    assert "--no-valkey, but nothing answers at" in one_line(ended)


def test_a_socket_folder_that_others_prepared(tmp_path: Path) -> None:
    data_dir = tmp_path / "var"
    (data_dir / "valkey").mkdir(parents=True)
    (data_dir / "valkey").chmod(0o755)
    ended = manage(data_dir, "up", MLAPI_PORT=str(free_port()))
    assert "must be a folder of this user's with mode 0700" in one_line(ended)


def test_production_without_a_secret_key(tmp_path: Path) -> None:
    ended = manage(
        tmp_path / "var", "up", REDIS_URL="redis://127.0.0.1/0", DJANGO_ALLOWED_HOSTS="localhost"
    )
    assert "DJANGO_SECRET_KEY is not set" in one_line(ended)
