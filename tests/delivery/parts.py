"""The services of docker-compose.yml as processes of this machine.

Commands and environments are the file's; only what names another container, a mount or an address
to listen on is put in this machine's terms, and whatever stands there instead of that is a failure.
"""

import json
import re
import secrets
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from tests.delivery.compose import OURS, environment_of
from tests.running import BASE_DIR, clean_environ, free_port, processes_of, until

TLS = {"X-Forwarded-Proto": "https"}  # what the proxy in front of web says
CMD = re.search(r"^CMD (\[.*\])$", (BASE_DIR / "Dockerfile").read_text(), re.MULTILINE)


@dataclass
class Parts:
    """What runs, and where it listens."""

    folder: Path
    urls: dict[str, str]
    token: str = field(default_factory=lambda: secrets.token_hex(12))
    flower_password: str = field(default_factory=lambda: secrets.token_hex(12))
    ports: dict[str, int] = field(default_factory=dict)
    running: dict[str, "subprocess.Popen[bytes]"] = field(default_factory=dict)

    def port(self, name: str) -> int:
        return self.ports.setdefault(name, free_port())

    def url(self, name: str) -> str:
        return f"http://127.0.0.1:{self.port(name)}"

    def log(self, name: str) -> str:
        return (self.folder / f"{name}.log").read_text(errors="replace")

    def environment(self, name: str) -> dict[str, str]:
        given = {
            "POSTGRES_PASSWORD": "unused",
            "REDIS_PASSWORD": "unused",
            "DJANGO_SECRET_KEY": "k" * 60,
            "DJANGO_ALLOWED_HOSTS": "localhost,127.0.0.1",
            "MLAPI_METRICS_TOKEN": self.token,
            "MLAPI_FLOWER_PASSWORD": self.flower_password,
        }
        here = {
            "postgres://mlapi:unused@postgres:5432/mlapi": self.urls["DATABASE_URL"],
            "redis://:unused@redis:6379/0": self.urls["REDIS_URL"],
            "http://web:8000": self.url("web"),
            "0.0.0.0:9100": f"127.0.0.1:{self.port(f'{name} metrics')}",
            "/prometheus": str(self.folder / f"{name} prometheus"),
        }
        inside = {key: here.get(text, text) for key, text in environment_of(name, given).items()}
        elsewhere = [
            text for text in inside.values() if re.search("@(postgres|redis):|//web", text)
        ]
        assert elsewhere == []
        return clean_environ(self.folder / "data", **inside)

    def words(self, name: str) -> list[str]:
        assert CMD is not None
        command = OURS[name].get("command") or json.loads(CMD[1])
        here = {"0.0.0.0": "127.0.0.1", "8000": str(self.port(name)), "5555": str(self.port(name))}
        words = [here.get(word, word) for word in command]
        python = [sys.executable] if words[0] == "python" else [sys.executable, "-m", words[0]]
        return [*python, *words[1:]]

    def start(self, name: str) -> None:
        (self.folder / f"{name} prometheus").mkdir(exist_ok=True)
        with (self.folder / f"{name}.log").open("wb") as log:
            self.running[name] = subprocess.Popen(
                self.words(name),
                env=self.environment(name),
                cwd=BASE_DIR,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def run(self, *words: str) -> None:
        """A management command in web's container, to its end."""
        done = subprocess.run(
            [sys.executable, "manage.py", *words],
            env=self.environment("web"),
            cwd=BASE_DIR,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == 0, done

    def answers(self, name: str, path: str, **headers: str) -> bool:
        assert self.running[name].poll() is None, f"{name} ended\n{self.log(name)}"
        try:
            return httpx.get(self.url(name) + path, headers=headers).status_code == 200
        except httpx.HTTPError:
            return False


@contextmanager
def composed(folder: Path, urls: dict[str, str]) -> Iterator[Parts]:
    """All services, started in the order the file demands; none is left."""
    parts = Parts(folder, urls)
    (folder / "data").mkdir()
    try:
        parts.start("migrate")
        assert parts.running["migrate"].wait(180) == 0, parts.log("migrate")
        for name in set(OURS) - {"migrate"}:
            parts.start(name)
        parts.run("register_examples")
        until(lambda: parts.answers("web", "/readyz", **TLS), 180, "web is ready")
        yield parts
    finally:
        for process in parts.running.values():
            process.terminate()
        try:
            for process in parts.running.values():
                process.wait(30)  # the file's stop_grace_period
        finally:
            for left in processes_of(folder / "data"):
                left.kill()
