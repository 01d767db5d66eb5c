"""`manage.py env`: what this installation listens on and reads, for people and for shells."""

import os
import shlex
from argparse import ArgumentParser
from collections.abc import Mapping

from django.conf import settings
from django.core.management.base import BaseCommand

from jobs.preconditions import without_password
from mlapi.env import VARIABLES, Environment

SECRET = frozenset(
    {
        "DJANGO_SECRET_KEY",
        "DJANGO_SUPERUSER_PASSWORD",
        "MLAPI_METRICS_TOKEN",
        "MLAPI_FLOWER_PASSWORD",
    }
)
URLS = frozenset({"DATABASE_URL", "REDIS_URL", "MLAPI_INTERNAL_URL"})


class Command(BaseCommand):
    help = "Print address, broker, database, folders and every variable; secrets stay hidden."
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--export",
            action="store_true",
            help='lines for `eval "$(manage.py env --export)"` before a part started by hand',
        )

    def handle(self, *_args: object, **options: object) -> None:
        environment: Environment = settings.MLAPI
        if options["export"]:
            rows = [f"export {k}={shlex.quote(v)}" for k, v in exported(environment).items()]
        else:
            rows = [*table(places(environment)), "", *table(variables(os.environ))]
        self.stdout.write("\n".join(rows))


def places(environment: Environment) -> dict[str, str]:
    """Where the parts meet."""
    sqlite = str(environment.data_dir / "mlapi.sqlite3")
    return {
        "Address": f"{environment.base_url}/",
        "Broker": without_password(environment.broker_url),
        "Results": without_password(environment.broker_url),
        "Database": without_password(environment.database_url) or sqlite,
        "Data folder": str(environment.data_dir),
        "Prometheus": os.environ.get("PROMETHEUS_MULTIPROC_DIR", str(environment.prometheus_dir)),
    }


def variables(environ: Mapping[str, str]) -> dict[str, str]:
    return {v.name: _shown(v.name, environ.get(v.name, "").strip(), v.default) for v in VARIABLES}


def exported(environment: Environment) -> dict[str, str]:
    """What a web server or worker started by hand needs to join a running `manage.py up`."""
    return {
        "MLAPI_DATA_DIR": str(environment.data_dir),
        "PROMETHEUS_MULTIPROC_DIR": str(environment.prometheus_dir),
    }


def table(rows: Mapping[str, str]) -> list[str]:
    width = max(map(len, rows))
    return [f"{name:<{width}}  {value}".rstrip() for name, value in rows.items()]


def _shown(name: str, value: str, default: str) -> str:
    if not value:
        return f"{default} (default)" if default else "(unset)"
    if name in SECRET:
        return "***"
    return without_password(value) if name in URLS else value
