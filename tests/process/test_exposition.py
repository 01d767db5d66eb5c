"""A worker's or dispatcher's own /metrics: who may read it, and what it adds up."""

import socket
import subprocess
import sys
from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path
from urllib.parse import urlsplit
from wsgiref.util import setup_testing_defaults

import httpx
import pytest

from jobs import exposition
from tests.running import BASE_DIR, clean_environ, free_port

COUNT = """
import sys
from prometheus_client import Counter, Gauge
Counter("things_total", "Things.").inc(int(sys.argv[1]))
Gauge("living", "Alive.", multiprocess_mode="livesum").set(1)
print("counted", flush=True)
sys.stdin.read()
"""
SERVE = """
import sys, threading
from jobs.exposition import serve_where_asked
print(serve_where_asked(("127.0.0.1", int(sys.argv[1])), token="sesame"), flush=True)
threading.Event().wait()
"""


def answered(address: str, *, path: str = "/metrics", header: str = "", token: str = "") -> str:
    """The status that a caller from `address` gets."""
    statuses: list[str] = []
    environ: dict[str, object] = {"REMOTE_ADDR": address, "PATH_INFO": path}
    if header:
        environ["HTTP_AUTHORIZATION"] = header
    setup_testing_defaults(environ)
    list(exposition.application(token)(environ, lambda status, _headers: statuses.append(status)))
    return statuses[0].split()[0]


@pytest.mark.parametrize("address", ["127.0.0.1", "127.8.9.1", "::1"])
def test_this_machine_may_read_it(address: str) -> None:
    assert answered(address) == "200"


@pytest.mark.parametrize(
    ("header", "token", "status"),
    [
        ("", "", 401),
        ("", "sesame", 401),
        ("Bearer ", "", 401),
        ("Bearer wrong", "sesame", 401),
        ("sesame", "sesame", 401),
        ("Bearer sésame", "sesame", 401),
        ("Bearer sesame", "sesame", 200),
    ],
)
def test_others_need_the_token(header: str, token: str, status: HTTPStatus) -> None:
    assert answered("10.0.0.7", header=header, token=token) == str(status)


def test_there_is_nothing_else_to_read() -> None:
    for path in ("/", "/favicon.ico", "/metrics/", "/../metrics"):
        assert answered("127.0.0.1", path=path) == "404"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "prometheus"
    made.mkdir()
    return made


@pytest.fixture
def served(folder: Path) -> Iterator[str]:
    """The address of a process that serves the folder's sums."""
    port = free_port()
    process = started(folder, SERVE, str(port))
    yield f"http://127.0.0.1:{port}/metrics"
    ended(process)


def started(folder: Path, code: str, argument: str) -> "subprocess.Popen[str]":
    process = subprocess.Popen(
        [sys.executable, "-c", code, argument],
        cwd=BASE_DIR,
        env=clean_environ(folder.parent, PROMETHEUS_MULTIPROC_DIR=str(folder)),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline().strip() in {"counted", "None"}
    return process


def ended(process: "subprocess.Popen[str]") -> None:
    process.kill()
    process.communicate()


def test_it_adds_up_what_several_processes_counted_also_those_that_are_gone(
    folder: Path, served: str
) -> None:
    processes = [started(folder, COUNT, number) for number in ("3", "4")]
    assert "things_total 7.0" in httpx.get(served).text
    assert "living 2.0" in httpx.get(served).text
    for process in processes:
        ended(process)
    assert "things_total 7.0" in httpx.get(served).text
    assert "living 2.0" not in httpx.get(served).text


def test_who_connects_and_asks_nothing_keeps_nobody_waiting(served: str) -> None:
    port = urlsplit(served).port
    assert port is not None
    silent = [socket.create_connection(("127.0.0.1", port)) for _ in range(20)]
    try:
        assert httpx.get(served, timeout=2).status_code == HTTPStatus.OK
        silent[0].settimeout(20)
        assert silent[0].recv(1) == b"", "and is let go in the end"
    finally:
        for one in silent:
            one.close()


def test_a_taken_port_is_a_line_for_a_person() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        fault = exposition.serve_where_asked(taken.getsockname(), token="")
    assert fault is not None
    assert fault.startswith("MLAPI_METRICS_ADDRESS 127.0.0.1:")
    assert fault.endswith("cannot be listened on: Address already in use.")


def test_without_an_address_nothing_is_served() -> None:
    assert exposition.serve_where_asked(None, token="") is None


def test_ipv6_works_where_there_is_any() -> None:
    try:
        server = exposition.serve("::1", 0, token="")
    except OSError as error:
        pytest.skip(f"no IPv6 here: {error}")
    try:
        assert httpx.get(f"http://[::1]:{server.server_port}/metrics").status_code == 200
    finally:
        server.shutdown()
        server.server_close()
