"""`manage.py flower`: Flower on our broker, behind a password, to look at and not to touch.

It shows what Celery knows. What happens to a job is decided in the admin, where its row is.
"""

import os
import signal
import subprocess
import sys
from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from select import select
from time import monotonic

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from jobs.preconditions import broker_fault
from mlapi import lifeline
from mlapi.env import BASE_DIR, Environment, http_url
from mlapi.notices import stop_requests
from mlapi.stack import CELERY
from mlapi.variables import EnvironmentFault

USER = "mlapi"
LOOK_EVERY_S = 2.0
GONE_FOR_S = 30.0  # Flower itself would go on without a broker, and log that, without end


class Command(BaseCommand):
    help = "Show workers and tasks in Flower, until Ctrl-C; needs a broker that runs."
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--address", default="127.0.0.1", help="address to listen on")
        parser.add_argument("--port", default=5555, type=int, help="its port")

    def handle(self, *, address: str, port: int, **_: object) -> None:
        if fault := broker_fault(settings.CELERY_BROKER_URL):
            raise CommandError(fault, returncode=2)
        environment: Environment = settings.MLAPI
        password = password_for(environment)
        self.stdout.write(f"Flower   {http_url(address, port)}/")
        if environment.embedded:  # elsewhere this is a log, and whoever set it knows it
            self.stdout.write(f"Sign in  {USER}, password {password}")
        self.stdout.flush()
        with stop_requests() as stops, flower(f"{USER}:{password}", address, port) as child:
            ended = watch(child, stops.fileno(), settings.CELERY_BROKER_URL)
        if ended:
            raise CommandError(ended)


def password_for(environment: Environment) -> str:
    """Raises EnvironmentFault where there is none, or one that Flower cannot take."""
    password = environment.required_flower_password()
    if "," in password:
        raise EnvironmentFault("MLAPI_FLOWER_PASSWORD may not contain a comma.")
    return password


@contextmanager
def flower(credentials: str, address: str, port: int) -> Iterator["subprocess.Popen[bytes]"]:
    """Flower, killed at the end: it keeps nothing, and without a broker it does not stop itself.

    Ctrl-C is for us alone, and the credentials travel where other users' `ps` does not look.
    """
    tie = [sys.executable, "-IS", str(Path(lifeline.__file__)), signal.SIGKILL.name]
    words = [*CELERY, "flower", f"--address={address}", f"--port={port}", "--read_only=true"]
    child = subprocess.Popen(
        [*tie, str(os.getpid()), "0", *words],
        cwd=BASE_DIR,  # Celery finds the app by its package's name
        env={**os.environ, "FLOWER_BASIC_AUTH": credentials},
        start_new_session=True,
    )
    try:
        yield child
    finally:
        child.kill()
        child.wait()


def watch(
    child: "subprocess.Popen[bytes]", stops: int, broker_url: str, *, gone_for_s: float = GONE_FOR_S
) -> str:
    """Wait until it is to stop (then nothing is said), has ended, or misses its broker too long."""
    ended, heard = os.pidfd_open(child.pid), monotonic()
    try:
        while monotonic() - heard < gone_for_s:
            ready, _, _ = select([stops, ended], [], [], LOOK_EVERY_S)
            if ready:
                return "" if stops in ready else "Flower has ended; the lines above say why."
            if broker_fault(broker_url) is None:
                heard = monotonic()
    finally:
        os.close(ended)
    return f"the broker has not answered for {gone_for_s:.0f} s; Flower is stopped."
