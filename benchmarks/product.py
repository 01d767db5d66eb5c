"""mlapi as it is delivered: in a data folder of its own, started as `manage.py up` starts it."""

import contextlib
import os
import secrets
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.models import Model
from benchmarks.servers import ROOT, NotServing, Server, answers, free_port, started
from mlapi import stack
from mlapi.env import Environment, read_environment
from predictions.measure.bodies import encode_in_turn

OWN = ("MLAPI_", "DJANGO_", "PROMETHEUS_", "DATABASE_URL", "REDIS_URL")
EXAMPLE = "iris"  # register_examples makes it
ADMIN = "bench"
ANSWERS_IN_A_ROW = 20  # on new connections, which workers share


@dataclass(frozen=True, slots=True)
class Installation:
    """A data folder with models, and a key of somebody who may do everything."""

    data_dir: Path
    models: Sequence[Model]
    key: str

    @property
    def headers(self) -> dict[str, str]:
        return {"Content-Type": "application/json", "Authorization": f"Bearer {self.key}"}

    def answers(self, url: str) -> bool:
        """Whether all models answer, whoever is asked."""
        bodies = [(m, encode_in_turn(m.rows[:1], 1, rows_body)[0]) for m in self.models]
        return all(
            answers(url + native_path(model), body, self.headers)
            for _ in range(ANSWERS_IN_A_ROW)
            for model, body in bodies
        )


def native_path(model: Model) -> str:
    return f"/api/v1/models/{model.name}/predict"


def rows_body(rows: Sequence[object]) -> object:
    return {"rows": rows}


def install(data_dir: Path, models: Sequence[Model]) -> Installation:
    """Tables, models, an admin and a key, by the commands that operators use.

    Raises NotServing with what a command complains of.
    """
    manage(data_dir, "migrate", "--verbosity=0")
    manage(data_dir, "register_examples")
    for model in models:
        if model.name != EXAMPLE:
            file = data_dir / f"{model.name}.onnx"
            file.write_bytes(model.onnx)
            manage(data_dir, "register_model", str(file), "--model", model.name, "--promote")
    manage(data_dir, "createsuperuser", "--noinput")
    return Installation(data_dir, models, manage(data_dir, "create_api_key", ADMIN).strip())


def manage(data_dir: Path, *words: str) -> str:
    """What `manage.py` prints. Raises NotServing."""
    admin = {"USERNAME": ADMIN, "PASSWORD": secrets.token_urlsafe(), "EMAIL": ""}
    done = subprocess.run(
        [sys.executable, "manage.py", *words], cwd=ROOT, check=False, text=True,
        env={**_environ(data_dir), **{f"DJANGO_SUPERUSER_{k}": v for k, v in admin.items()}},
        capture_output=True,
    )  # fmt: skip
    if done.returncode != 0:
        raise NotServing(f"manage.py {words[0]} failed: {done.stderr[-2000:]}")
    return done.stdout


@contextlib.contextmanager
def web(installation: Installation, *, workers: int) -> Iterator[Server]:
    """The web server's command with all its options; its socket is ours, as it is `up`'s."""
    environ = _environ(installation.data_dir, MLAPI_PORT=free_port(), MLAPI_WORKERS=workers)
    environment = read_environment(environ)
    with listening(environment) as listener:
        process = stack.web(environment, stack.child_environ(environment, environ), listener)

        def ready() -> bool:
            return installation.answers(environment.base_url)

        yield Server(process=replace(process, ready=ready), url=environment.base_url)


@contextlib.contextmanager
def listening(environment: Environment) -> Iterator[socket.socket]:
    """A socket as `mlapi.startup` opens it."""
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        listener.bind((environment.host, environment.port))
        listener.listen(2048)
        yield listener


@contextlib.contextmanager
def surroundings(installation: Installation, log: Path) -> Iterator[None]:
    """What web processes find on a machine where `up` runs: a broker, a place to count in."""
    environ = _environ(installation.data_dir)
    environment = read_environment(environ)
    for folder in (environment.data_dir / "valkey", environment.valkey_socket.parent):
        folder.mkdir(mode=0o700, exist_ok=True)
    environment.prometheus_dir.mkdir(mode=0o700)
    lock = os.open(environment.data_dir / "up.lock", os.O_RDWR | os.O_CREAT)
    process = stack.valkey(environment, stack.child_environ(environment, environ), lock)
    try:
        with started(process, cpus=os.sched_getaffinity(0), log=log):
            yield
    finally:
        os.close(lock)
        shutil.rmtree(environment.prometheus_dir, ignore_errors=True)


def _environ(data_dir: Path, **extra: int) -> Mapping[str, str]:
    """This machine's without anything that mlapi would read; the embedded default."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(OWN)}
    settings = {name: str(value) for name, value in extra.items()}
    return {**kept, "MLAPI_DATA_DIR": str(data_dir), **settings}
