"""The parts that jobs need, each a real process of its own: Valkey, dispatch, workers, a driver.

Nothing restarts them: a test that kills one decides what comes next.
"""

import json
import secrets
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import psutil
import psycopg
import redis

from mlapi.env import read_environment
from mlapi.stack import answers_ping, valkey
from tests.environment import TEST_DATABASE_URL, TEST_REDIS_URL
from tests.running import BASE_DIR, clean_environ, manage, processes_of, until

CELERY = [sys.executable, "-m", "celery", "-A", "mlapi", "--quiet"]
INCLUDE = ["--include", "tests.jobs.kinds_for_tests"]


class House:
    """Started with a broker, a dispatcher and a driver; workers come and go."""

    def __init__(self, data_dir: Path, services: dict[str, str]) -> None:
        self.data_dir = data_dir
        words = {"DJANGO_SETTINGS_MODULE": "mlapi.settings", **services}
        self.environ = clean_environ(data_dir, **words)
        self.services = services
        self.environment = read_environment(self.environ)
        self.logs = data_dir.parent
        self.processes: dict[str, subprocess.Popen[bytes]] = {}

    def spawn(self, name: str, argv: list[str], **options: Any) -> "subprocess.Popen[bytes]":
        with (self.logs / f"{name}.log").open("ab") as log:
            self.processes[name] = subprocess.Popen(
                argv, env=self.environ, cwd=BASE_DIR, stderr=log, **({"stdout": log} | options)
            )
        return self.processes[name]

    def log(self, name: str) -> str:
        return (self.logs / f"{name}.log").read_text(errors="replace")

    def prepare(self) -> None:
        (self.data_dir / "valkey").mkdir(parents=True)
        if self.environment.embedded:
            self.start_valkey()
        migrated = manage(self.data_dir, "migrate", "-v0", **self.services)
        assert migrated.returncode == 0, migrated.stderr

    def start_valkey(self) -> None:
        self.spawn("valkey", list(valkey(self.environment, self.environ, 0).argv))
        until(lambda: answers_ping(self.environment.valkey_socket), 30, "Valkey")

    def start_dispatch(self) -> None:
        self.spawn("dispatch", [sys.executable, "-m", "tests.jobs.dispatcher"])

    def start_worker(self, name: str = "worker", slots: int = 2) -> None:
        before = self.log(name).count(" ready.") if (self.logs / f"{name}.log").exists() else 0
        words = ["worker", "-l", "info", "--without-gossip", "--without-mingle"]
        self.spawn(name, [*CELERY, *words, *INCLUDE, "-c", str(slots), "-n", f"{name}@here"])
        until(lambda: self.log(name).count(" ready.") > before, 120, f"{name}\n{self.log(name)}")

    def start_beat(self) -> None:
        argv = [sys.executable, "-m", "celery", "-A", "tests.jobs.beat_app", "--quiet", "beat"]
        self.spawn("beat", [*argv, "-l", "info"])

    def kill(self, name: str) -> None:
        """SIGKILL, and wait until its children have gone too."""
        process = self.processes.pop(name)
        children = psutil.Process(process.pid).children(recursive=True)
        process.kill()
        process.wait(30)
        assert psutil.wait_procs(children, 30)[1] == []

    def stop(self, name: str, number: signal.Signals = signal.SIGTERM) -> None:
        process = self.processes.pop(name)
        process.send_signal(number)
        process.wait(60)

    def call(self, name: str, **facts: object) -> Any:
        """One call of the driver's."""
        driver = self.processes["driver"]
        assert driver.stdin is not None
        assert driver.stdout is not None
        driver.stdin.write(json.dumps({"call": name, "facts": facts}).encode() + b"\n")
        driver.stdin.flush()
        answer = driver.stdout.readline()
        assert answer, self.log("driver")
        return json.loads(answer)

    def start_driver(self) -> None:
        argv = [sys.executable, "-m", "tests.jobs.driver"]
        self.spawn("driver", argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def submit(self, kind: str, priority: int = 0, **params: object) -> str:
        facts = {"kind": kind, "priority": priority, "params": params}
        ids: list[str] = self.call("submit", **facts)["ids"]
        return ids[0]

    def wait_for(self, job_id: str, *states: str, within_s: float = 90) -> dict[str, Any]:
        """The job once it is in one of these states."""
        until(
            lambda: self.call("job", job_id=job_id)["state"] in states,
            within_s,
            f"{states}: {self.call('job', job_id=job_id)}",
        )
        job: dict[str, Any] = self.call("job", job_id=job_id)
        return job

    def close(self) -> None:
        for process in self.processes.values():
            for pipe in (process.stdin, process.stdout):
                if pipe is not None:
                    pipe.close()
        for process in reversed(list(self.processes.values())):
            process.kill()
            process.wait(30)
        for left in processes_of(self.data_dir):
            left.kill()


@contextmanager
def house(folder: Path) -> Iterator[House]:
    """A broker, a dispatcher and a driver; gone afterwards."""
    folder.mkdir(parents=True, exist_ok=True)
    with second_services() as services:
        made = House(folder / "var", services)
        try:
            made.prepare()
            made.start_dispatch()
            made.start_driver()
            yield made
        finally:
            made.close()


@contextmanager
def second_services() -> Iterator[dict[str, str]]:
    """Nothing; in the second run a database of its own and the emptied Redis of that run."""
    if not TEST_DATABASE_URL:
        yield {}
        return
    server, _, _ = TEST_DATABASE_URL.rpartition("/")
    name = f"mlapi_house_{secrets.token_hex(4)}"
    with (
        closing(redis.Redis.from_url(TEST_REDIS_URL)) as broker,
        psycopg.connect(f"{server}/postgres", autocommit=True) as database,
    ):
        broker.flushdb()
        database.execute(f'CREATE DATABASE "{name}"')
        try:
            yield {
                "DATABASE_URL": f"{server}/{name}",
                "REDIS_URL": TEST_REDIS_URL,
                "DJANGO_SECRET_KEY": "k" * 60,
                "DJANGO_ALLOWED_HOSTS": "localhost",
            }
        finally:
            database.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
