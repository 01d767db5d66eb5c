"""Large forms on a real server: they lie on disk while they come, and cost no memory."""

import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import psutil
import pytest

from tests.conftest import Install
from tests.running import BASE_DIR, Stack, clean_environ, manage, running
from tests.stack.asking import web_workers

pytestmark = [pytest.mark.stack, pytest.mark.timeout(300)]
LARGE = 256_000_000
MOST_MEMORY = 64_000_000
BOUNDARY = "between-two-parts"
TYPE = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
HEAD = (
    f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="m.skops"\r\n\r\n'
).encode()
TAIL = f"\r\n--{BOUNDARY}--\r\n".encode()
PIECE = bytes(1_000_000)
START = b"PK\x03\x04"  # of an archive, as .skops files are
PATH = "/api/v1/models/large/versions/"


@pytest.fixture(scope="module")
def own_stack(install: Install) -> Iterator[Stack]:
    """Nobody else's requests cost memory here."""
    with running(install("uploads"), MLAPI_WORKERS="1") as started:
        script = "from modelregistry import services; services.create_model(name='large', task='')"
        assert manage(started.data_dir, "shell", "-v0", "-c", script).returncode == 0
        yield started


@pytest.fixture(scope="module")
def known(own_stack: Stack) -> dict[str, str]:
    made = manage(own_stack.data_dir, "create_api_key", "admin")
    return {"Authorization": f"Bearer {made.stdout.strip()}"}


def form(size: int) -> Iterator[bytes]:
    yield HEAD + START
    left = size - len(START)
    for _ in range(left // len(PIECE)):
        yield PIECE
    yield bytes(left % len(PIECE)) + TAIL


def sent(stack: Stack, size: int, headers: dict[str, str], path: str = PATH) -> httpx.Response:
    """Chunked, unless the headers say how long it is."""
    return httpx.post(
        f"{stack.base_url}{path}", content=form(size), headers={**TYPE, **headers}, timeout=120
    )


def declared(size: int) -> dict[str, str]:
    return {"Content-Length": str(len(HEAD) + size + len(TAIL))}


def web_processes(stack: Stack) -> list[psutil.Process]:
    web = stack.child("-m", "uvicorn")
    return [web, *web_workers(web)]


def forget_peaks(processes: list[psutil.Process]) -> int:
    """Bytes in memory now; the kernel counts the highest since."""
    for process in processes:
        Path(f"/proc/{process.pid}/clear_refs").write_text("5")
    return sum(process.memory_info().rss for process in processes)


def peaks(processes: list[psutil.Process]) -> int:
    """The highest number of bytes in memory since they were forgotten."""
    found = 0
    for process in processes:
        lines = Path(f"/proc/{process.pid}/status").read_text().splitlines()
        found += next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) * 1024
    return found


@pytest.mark.parametrize("length", [declared(LARGE), {}], ids=["declared", "chunked"])
def test_256_megabytes_add_at_most_64_to_the_memory_of_the_server(
    own_stack: Stack, known: dict[str, str], length: dict[str, str]
) -> None:
    processes = web_processes(own_stack)
    before = forget_peaks(processes)
    answer = sent(own_stack, LARGE, {**known, **length})
    added = peaks(processes) - before
    assert answer.status_code == 202, answer.text
    assert answer.json()["state"] == "pending"
    assert added <= MOST_MEMORY, added
    print(f"{added:,} bytes more")


@pytest.mark.parametrize("length", [declared(300_000_000), {}], ids=["declared", "chunked"])
def test_what_is_over_the_limit_is_refused_while_it_comes(
    own_stack: Stack, known: dict[str, str], length: dict[str, str]
) -> None:
    answer = sent(own_stack, 300_000_000, {**known, **length})
    assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")


def test_who_declares_too_much_and_waits_is_told_at_once(
    own_stack: Stack, known: dict[str, str]
) -> None:
    headers = {**TYPE, **known, **declared(300_000_000), "Expect": "100-continue"}
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    place = urlsplit(own_stack.base_url)
    with socket.create_connection((place.hostname, place.port), timeout=60) as client:
        client.sendall(f"POST {PATH} HTTP/1.1\r\nHost: 127.0.0.1\r\n{lines}\r\n".encode())
        assert client.recv(1000).startswith(b"HTTP/1.1 413 ")


@pytest.mark.parametrize("length", [declared(20_000_000), {}], ids=["declared", "chunked"])
def test_strangers_fill_no_disk(own_stack: Stack, length: dict[str, str]) -> None:
    answer = sent(own_stack, 20_000_000, length)
    assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated")


def test_a_large_body_of_another_kind_or_elsewhere_is_refused(
    own_stack: Stack, known: dict[str, str]
) -> None:
    other = {**known, "Content-Type": "application/json"}
    for headers, path in ((other, PATH), (known, "/api/v1/jobs/"), (known, f"{PATH}1/")):
        assert sent(own_stack, 20_000_000, headers, path).status_code == 413


def test_nothing_is_left_of_forms_but_what_was_accepted(own_stack: Stack) -> None:
    assert list((own_stack.data_dir / "uploads").iterdir()) == []
    assert list((own_stack.data_dir / "artifacts").glob(".draft-*")) == []


@pytest.mark.parametrize("small", ["uploads", "artifacts"])
def test_a_full_disk_is_told_and_keeps_nothing(install: Install, small: str) -> None:
    data_dir = install(f"small-{small}")
    named = ("--noinput", "--username", "ada", "--email", "")
    manage(data_dir, "createsuperuser", *named, DJANGO_SUPERUSER_PASSWORD="only-for-this-test")
    key = manage(data_dir, "create_api_key", "ada").stdout.strip()
    script = [sys.executable, "-m", "tests.service.small_disk", str(data_dir / small), key]
    done = subprocess.run(
        ["unshare", "-rm", *script],
        env=clean_environ(data_dir),
        cwd=BASE_DIR,
        capture_output=True,
        text=True,
        timeout=250,
        check=False,
    )
    if "unshare failed" in done.stderr:
        pytest.skip(done.stderr.strip())
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout.splitlines()[-1])
    assert (told["status"], told["body"]["code"], told["left"]) == (507, "disk_full", [])
