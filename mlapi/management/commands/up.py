"""`manage.py up`: the whole service on one machine, from checks to a clean stop."""

import os
import shlex
import sys
import time
from argparse import ArgumentParser
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from socket import socket

from django.core.management.base import BaseCommand

from jobs.preconditions import broker_fault, database_fault
from mlapi import stack, startup
from mlapi.console import Console
from mlapi.env import BASE_DIR, Environment, read_environment
from mlapi.supervisor import StopAsked, Supervisor, SupervisorError
from mlapi.variables import EnvironmentFault

START_WITHIN_S, EXAMPLES_WITHIN_S = 120.0, 600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is to run, under which environment."""

    environment: Environment
    worker: bool
    valkey: bool


class Command(BaseCommand):
    help = "Start broker, worker, beat, dispatch and web; Ctrl-C stops all of it."
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--host", help="address to listen on, instead of MLAPI_HOST")
        parser.add_argument("--port", help="its port, instead of MLAPI_PORT")
        parser.add_argument("--no-worker", action="store_true", help="leave out worker and beat")
        parser.add_argument("--no-valkey", action="store_true", help="leave out the broker")

    def handle(self, *_args: object, **options: object) -> None:
        wanted = read_wanted(os.environ, options)
        console = Console(sys.stdout, colour=sys.stdout.isatty())
        supervisor = Supervisor(cwd=BASE_DIR, say=console.line)
        try:
            with supervisor.signals():
                run(wanted, supervisor, console)
        except StopAsked:
            console.say("stopped while starting")
        except SupervisorError as error:
            print(f"mlapi: {error} The lines above say why.", file=sys.stderr)
            sys.exit(1)


def read_wanted(environ: Mapping[str, str], options: Mapping[str, object]) -> Wanted:
    named = {"MLAPI_HOST": options["host"], "MLAPI_PORT": options["port"]}
    given = {name: str(value) for name, value in named.items() if value is not None}
    environment = read_environment({**environ, **given})
    return Wanted(
        environment=environment,
        worker=not options["no_worker"],
        valkey=not (options["no_valkey"] or environment.redis_url),
    )


def run(wanted: Wanted, supervisor: Supervisor, console: Console) -> None:
    """From the checks to the stop. Raises EnvironmentFault, SupervisorError."""
    started = time.monotonic()
    lock = startup.hold_data_folder(wanted.environment)
    refuse_silent_services(wanted)
    listening = startup.listen(wanted.environment.host, wanted.environment.port)
    try:
        password = bring_up(wanted, supervisor, console, listening, lock)
        console.say(f"ready after {time.monotonic() - started:.1f} s")
        console.block(where_to_go(wanted.environment, password), "Ctrl-C stops all of it.")
        supervisor.run()
    finally:
        console.say("stopping")
        listening.close()
        supervisor.stop()
        startup.drop_if_empty(wanted.environment.valkey_socket.parent)
        startup.drop_folder(wanted.environment.prometheus_dir)
        os.close(lock)
    console.say("stopped")


def refuse_silent_services(wanted: Wanted) -> None:
    """Raises EnvironmentFault where a service that is not ours to start does not answer."""
    environment = wanted.environment
    if not wanted.valkey and (fault := broker_fault(environment.broker_url)):
        if not environment.redis_url:
            fault = (
                f"--no-valkey, but nothing answers at {environment.valkey_socket}. "
                "Start a Valkey there, set REDIS_URL, or leave --no-valkey out."
            )
        raise EnvironmentFault(fault)
    if environment.database_url and (fault := database_fault()):
        raise EnvironmentFault(fault)


def bring_up(
    wanted: Wanted, supervisor: Supervisor, console: Console, listening: socket, lock: int
) -> str | None:
    """Start everything in order; the first admin's password if it was made here."""
    environment = wanted.environment
    env = stack.child_environ(environment, os.environ)
    console.say(f"starting; data in {environment.data_dir}")
    startup.empty_folder(environment.prometheus_dir)
    if wanted.valkey:
        startup.private_folder(environment.data_dir / "valkey")
        startup.private_folder(environment.valkey_socket.parent)
        supervisor.start(stack.valkey(environment, env, lock))
        supervisor.wait_ready(START_WITHIN_S)
    console.say("bringing the database up to date")
    startup.migrate()
    startup.release_database()
    import_module("mlapi.asgi")  # uvicorn would restart workers that cannot import it for ever
    parts = [
        stack.web(environment, env, listening),
        *stack.background(environment, env, worker=wanted.worker),
    ]
    console.say(f"starting {', '.join(part.name for part in parts)}")
    supervisor.start(*parts)
    if environment.embedded and not startup.examples_are_complete():
        console.say("training the example models")
        supervisor.run_once(stack.examples(env), within_s=EXAMPLES_WITHIN_S)
    supervisor.wait_ready(START_WITHIN_S)
    wait_for_default_model(environment, supervisor, console)
    password = startup.first_admin(environment)  # last: a start that fails must not have shown it
    startup.release_database()
    return password


def wait_for_default_model(
    environment: Environment, supervisor: Supervisor, console: Console
) -> None:
    """An installation may run without it: models are registered through the running service."""
    name = environment.default_model
    if startup.has_champion(name):
        served = stack.web_probe(environment)
        supervisor.wait_until(served, START_WITHIN_S, f"the default model {name}")
    else:
        console.say(
            f"there is no model {name} to serve yet: "
            f"`{pasted(f'register_model FILE --model {name} --promote')}`"
        )


def pasted(command: str) -> str:
    """One of manage.py's as it works in the folder and with the Python that `up` was started in."""
    python, manage = (_from_here(path) for path in (Path(sys.executable), BASE_DIR / "manage.py"))
    return f"{python} {manage} {command}"


def _from_here(path: Path) -> str:
    here = Path.cwd()
    return shlex.quote(str(path.relative_to(here) if path.is_relative_to(here) else path))


def where_to_go(environment: Environment, password: str | None) -> dict[str, str]:
    base = environment.base_url
    rows = {"Address": f"{base}/", "Admin": f"{base}/admin/", "API docs": f"{base}/api/v1/docs/"}
    if password:
        rows["Sign in"] = f"{environment.superuser_username}, password {password} (shown once)"
    elif environment.embedded and not environment.superuser_password:
        command = pasted(f"changepassword {shlex.quote(environment.superuser_username)}")
        another = f"`{command}` sets another"
        rows["Sign in"] = f"the password was shown at the first start; {another}"
    return rows
