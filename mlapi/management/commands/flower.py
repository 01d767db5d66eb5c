"""`manage.py flower`: Flower on our broker, behind a password, to look at and not to touch.

It shows what Celery knows. What happens to a job is decided in the admin, where its row is.
"""

import os
import sys
from argparse import ArgumentParser
from typing import NoReturn

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from jobs.preconditions import broker_fault
from mlapi.env import BASE_DIR, Environment, EnvironmentFault, http_url
from mlapi.stack import CELERY

USER = "mlapi"


class Command(BaseCommand):
    help = "Show workers and tasks in Flower, until Ctrl-C; needs a broker that runs."
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--address", default="127.0.0.1", help="address to listen on")
        parser.add_argument("--port", default=5555, type=int, help="its port")

    def handle(self, *, address: str, port: int, **_: object) -> NoReturn:
        if fault := broker_fault(settings.CELERY_BROKER_URL):
            raise CommandError(fault, returncode=2)
        environment: Environment = settings.MLAPI
        password = password_for(environment)
        self.stdout.write(f"Flower   {http_url(address, port)}/")
        if environment.embedded:  # elsewhere this is a log, and whoever set it knows it
            self.stdout.write(f"Sign in  {USER}, password {password}")
        self.stdout.flush()
        become_flower(f"{USER}:{password}", address, port)


def password_for(environment: Environment) -> str:
    """Raises EnvironmentFault where there is none, or one that Flower cannot take."""
    password = environment.required_flower_password()
    if "," in password:
        raise EnvironmentFault("MLAPI_FLOWER_PASSWORD may not contain a comma.")
    return password


def become_flower(credentials: str, address: str, port: int) -> NoReturn:
    """Replace this process; the credentials travel where other users' `ps` does not look."""
    os.chdir(BASE_DIR)  # Celery finds the app by its package's name
    words = [*CELERY, "flower", f"--address={address}", f"--port={port}", "--read_only=true"]
    env = {**os.environ, "FLOWER_BASIC_AUTH": credentials}
    os.execve(sys.executable, words, env)  # noqa: S606 - no shell is what we want
