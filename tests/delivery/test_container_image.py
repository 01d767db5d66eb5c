"""The Dockerfile against the tree it copies from: paths, commands, user, secrets."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from importlib.metadata import entry_points
from threading import Thread

import pytest

from deploy import ready
from mlapi.env import VARIABLES
from tests.running import BASE_DIR

DOCKERFILE = (BASE_DIR / "Dockerfile").read_text().replace("\\\n", " ")
LINES = [line.split(maxsplit=1) for line in DOCKERFILE.splitlines() if line and line[0] != "#"]
FINAL_STAGE = LINES[max(at for at, line in enumerate(LINES) if line[0] == "FROM") :]


def arguments(instruction: str, lines: list[list[str]] = LINES) -> list[str]:
    return [rest for word, rest in lines if word == instruction]


def test_every_path_that_is_copied_exists_and_is_let_in() -> None:
    let_in = {
        line[1:]
        for line in (BASE_DIR / ".dockerignore").read_text().splitlines()
        if line.startswith("!")
    }
    copied = [
        source
        for words in arguments("COPY")
        if "--from" not in words
        for source in words.split()[:-1]
    ]

    assert copied
    assert [path for path in copied if not (BASE_DIR / path).exists()] == []
    assert [path for path in copied if path.split("/")[0] not in let_in] == []


def test_all_that_the_service_imports_is_copied() -> None:
    copied = " ".join(arguments("COPY", FINAL_STAGE)).split()

    for package in ("mlapi", "predictions", "modelregistry", "jobs", "templates"):
        assert f"{package}/" in copied
    assert "tests/" not in copied


def test_it_runs_as_nobody_special_and_holds_no_secret() -> None:
    values = dict(re.findall(r"(\w+)=(\S+)", " ".join(arguments("ENV") + arguments("ARG"))))

    assert arguments("USER", FINAL_STAGE) == ["mlapi"]
    assert [name for name in values if re.search("SECRET|PASSWORD|TOKEN|URL", name)] == []
    assert {name for name in values if name.startswith("MLAPI_")} <= {v.name for v in VARIABLES}


def test_its_requirements_are_the_locked_ones_with_hashes() -> None:
    installs = [rest for rest in arguments("RUN") if "pip install" in rest]

    assert len(installs) == 2
    assert all("--require-hashes" in rest for rest in installs)


def test_its_command_is_a_program_that_is_installed_with_options_it_knows() -> None:
    program, *options = json.loads(arguments("CMD", FINAL_STAGE)[-1])

    scripts = {script.name for script in entry_points(group="console_scripts")}
    assert program in scripts
    known = subprocess.run(
        [sys.executable, "-m", program, "--help"], capture_output=True, text=True, check=True
    ).stdout
    assert [o for o in options if o.startswith("--") and o not in known] == []
    assert "mlapi.asgi:application" in options


class Answers(BaseHTTPRequestHandler):
    """Answers /readyz with the status it was given, and notes the Host it was asked by."""

    status = 200
    hosts: list[str] = []

    def do_GET(self) -> None:
        self.hosts.append(self.headers["Host"])
        self.send_response(self.status if self.path == "/readyz" else 404)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Nothing: the test looks at what was asked."""


@pytest.fixture
def answering(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Answers]]:
    with HTTPServer(("127.0.0.1", 0), Answers) as server:
        monkeypatch.setattr(ready, "PORT", server.server_port)
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield Answers
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(("status", "healthy"), [(200, True), (503, False), (400, False)])
def test_the_health_check_follows_readyz(
    answering: type[Answers], monkeypatch: pytest.MonkeyPatch, status: int, healthy: bool
) -> None:
    monkeypatch.setattr(answering, "status", status)

    assert ready.is_ready() is healthy


@pytest.mark.parametrize(
    ("allowed", "named"),
    [
        ("models.example.org,web", "models.example.org"),
        (".example.org", "example.org"),
        ("*", "localhost"),
    ],
)
def test_the_health_check_asks_by_a_name_the_server_knows(
    answering: type[Answers], monkeypatch: pytest.MonkeyPatch, allowed: str, named: str
) -> None:
    monkeypatch.setenv("DJANGO_ALLOWED_HOSTS", allowed)

    ready.is_ready()

    assert answering.hosts[-1] == named


def test_the_health_check_of_a_silent_server_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ready, "PORT", 9)

    assert ready.is_ready() is False
