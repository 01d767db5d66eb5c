"""The doors: real servers on a free port, and Django's test client in a process of its own."""

import json
import subprocess
import sys
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeAlias

import httpx

from tests.running import BASE_DIR, clean_environ, free_port, until

Reply: TypeAlias = tuple[int, dict[str, str], bytes]
Ask: TypeAlias = Callable[[str, str, dict[str, str], bytes], Reply]

DOORS = ("uvicorn", "daphne", "runserver", "test client")


def command(door: str, port: int) -> list[str]:
    python = sys.executable
    uvicorn = [python, "-m", "uvicorn", "mlapi.asgi:application", "--port", str(port)]
    uvicorn += ["--http", "mlapi.asgi:Http", "--ws", "mlapi.handshakes:AnsweredHandshakes"]
    uvicorn += ["--timeout-graceful-shutdown", "15", "--no-access-log", "--no-server-header"]
    return {
        "uvicorn": uvicorn,
        "uvicorn with two workers": [*uvicorn, "--workers", "2"],
        "uvicorn with its own HTTP": [*uvicorn, "--http", "httptools"],
        "daphne": [python, "-m", "daphne", "-p", str(port), "mlapi.asgi:application"],
        "runserver": [python, "manage.py", "runserver", "--noreload", f"127.0.0.1:{port}"],
    }[door]


@contextmanager
def opened(door: str, data_dir: Path, **extra: str) -> Iterator[Ask]:
    """A way to put requests to `door`, serving what is installed in `data_dir`."""
    if door == "test client":
        with _test_client(data_dir, **extra) as ask:
            yield ask
    else:
        with served(door, data_dir, **extra) as base_url, httpx.Client(timeout=30) as client:
            yield lambda method, path, headers, body: _over_http(
                client, base_url, method, path, headers, body
            )


@contextmanager
def served(door: str, data_dir: Path, **extra: str) -> Iterator[str]:
    """The address of a server that answers; it is gone afterwards."""
    with served_process(door, data_dir, **extra) as (_, url):
        yield url


@contextmanager
def served_process(
    door: str, data_dir: Path, **extra: str
) -> Iterator[tuple["subprocess.Popen[bytes]", str]]:
    """A server process that answers, and its address; it is gone afterwards."""
    port = free_port()
    log_path = data_dir / f"{door}-{port}.log"
    with log_path.open("wb") as log:
        process = subprocess.Popen(
            command(door, port),
            cwd=BASE_DIR,
            env=clean_environ(data_dir, **extra),
            stdout=log,
            stderr=log,
        )
    try:
        url = f"http://127.0.0.1:{port}"
        until(lambda: _lives(process, url), 120, f"{door} answers\n{log_path}")
        yield process, url
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(20)


def _lives(process: "subprocess.Popen[bytes]", url: str) -> bool:
    assert process.poll() is None, "the server ended"
    try:
        return httpx.get(f"{url}/livez", timeout=5).status_code == 200
    except httpx.HTTPError:
        return False


def _over_http(
    client: httpx.Client, base: str, method: str, path: str, headers: dict[str, str], body: bytes
) -> Reply:
    answer = client.request(method, base + path, headers=headers, content=body)
    return answer.status_code, dict(answer.headers), answer.content


@contextmanager
def _test_client(data_dir: Path, **extra: str) -> Iterator[Ask]:
    with subprocess.Popen(
        [sys.executable, "-m", "tests.doors.client_process"],
        cwd=BASE_DIR,
        env=clean_environ(data_dir, **extra),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        stdin, stdout = process.stdin, process.stdout
        assert stdin is not None
        assert stdout is not None

        def ask(method: str, path: str, headers: dict[str, str], body: bytes) -> Reply:
            request = [method, path, headers, b64encode(body).decode()]
            stdin.write(json.dumps(request) + "\n")
            stdin.flush()
            status, answered, text = json.loads(stdout.readline())
            return status, answered, b64decode(text)

        try:
            yield ask
        finally:
            stdin.close()
            process.wait(30)
