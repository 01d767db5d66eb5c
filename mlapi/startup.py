"""What must be right before `manage.py up` starts anything; a fault is one line for a person."""

import contextlib
import errno
import fcntl
import os
import secrets
import shutil
import socket
import stat
import time
from collections.abc import Callable
from pathlib import Path

from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.db import DatabaseError, connection

from mlapi.env import Environment
from mlapi.variables import EnvironmentFault
from modelregistry.examples import registering
from modelregistry.models import Alias

BACKLOG = 2048
LOCK_PATIENCE_S = 2.0  # what is left of a killed `up` needs a moment to end


def hold_data_folder(
    environment: Environment, *, clock: Callable[[], float] = time.monotonic
) -> int:
    """Lock the data folder as long as the returned descriptor, or a copy, is open."""
    environment.ensure_data_dir()
    lock = _opened(environment.data_dir / "up.lock")
    deadline = clock() + LOCK_PATIENCE_S
    while not _locked(lock):
        if clock() >= deadline:
            os.close(lock)
            raise EnvironmentFault(
                f"`manage.py up` is already running on the data folder {environment.data_dir}. "
                "Stop it, or set MLAPI_DATA_DIR to another folder."
            )
        time.sleep(0.05)
    return lock


def listen(host: str, port: int) -> socket.socket:
    """The web server's socket, ours so that connections wait while its processes restart."""
    try:
        family, kind, proto, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listening = socket.socket(family, kind, proto)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        # Connections inherit it; uvicorn takes a socket it is handed for a Unix one and sets none,
        # and then a second small request on a connection waits 40 ms for its body.
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    except OSError as error:
        raise EnvironmentFault(f"{host} is no address to listen on: {error.strerror}.") from error
    try:
        listening.bind(address)
        listening.listen(BACKLOG)
    except OSError as error:
        listening.close()
        raise EnvironmentFault(_listen_fault(error, host, port)) from error
    return listening


def private_folder(path: Path) -> None:
    """Make a folder only we may enter; one that others could have prepared is refused."""
    with contextlib.suppress(FileExistsError):
        path.mkdir(mode=0o700)
    facts = path.lstat()
    if not stat.S_ISDIR(facts.st_mode) or facts.st_uid != os.getuid() or facts.st_mode & 0o077:
        raise EnvironmentFault(f"{path} must be a folder of this user's with mode 0700.")


def empty_folder(path: Path) -> None:
    """A private folder with nothing in it. Raises EnvironmentFault as `private_folder` does."""
    drop_folder(path)
    private_folder(path)


def drop_folder(path: Path) -> None:
    shutil.rmtree(path, ignore_errors=True)


def drop_if_empty(path: Path) -> None:
    """The socket's own folder, where the data folder's name is too long for a socket."""
    with contextlib.suppress(OSError):
        path.rmdir()


def migrate() -> None:
    try:
        call_command("migrate", verbosity=0, interactive=False)
    except DatabaseError as error:
        reason = str(error).strip().splitlines()[0]
        raise EnvironmentFault(f"the database cannot be brought up to date: {reason}.") from error


def first_admin(environment: Environment) -> str | None:
    """Make the first admin where there is none; its password if we had to choose one."""
    users = get_user_model().objects
    if users.filter(is_superuser=True).exists():
        return None
    name = environment.superuser_username
    if users.filter(username=name).exists():
        raise EnvironmentFault(
            f"there is no admin, and {name} is an ordinary user. "
            "Set DJANGO_SUPERUSER_USERNAME to another name."
        )
    password = environment.superuser_password or secrets.token_urlsafe(12)
    users.create_superuser(name, environment.superuser_email, password)
    return None if environment.superuser_password else password


def examples_are_complete() -> bool:
    """Whether every example model is there and has served: then no process need look after them."""
    complete = registering.are_complete()
    release_database()
    return complete


def has_champion(model: str) -> bool:
    """Whether the registry has a version of `model` that may serve."""
    served = any(live.model == model for live in Alias.objects.champions())
    release_database()
    return served


def release_database() -> None:
    """Nothing of ours stays open while only children use the database."""
    connection.close()
    if connection.vendor == "postgresql":
        connection.close_pool()  # type: ignore[attr-defined]  # PostgreSQL's wrapper has it


def _opened(path: Path) -> int:
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise EnvironmentFault(f"{path} cannot be opened: {error.strerror}.") from error


def _locked(lock: int) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _listen_fault(error: OSError, host: str, port: int) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"port {port} on {host} is taken. Free it, or choose another with --port."
    return f"port {port} on {host} cannot be listened on: {error.strerror}."
