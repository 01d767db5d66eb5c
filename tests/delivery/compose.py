"""docker-compose.yml as data, and as what a service of it would be started with."""

import re
from typing import Any

import yaml

from tests.running import BASE_DIR

TEXT = (BASE_DIR / "docker-compose.yml").read_text()
FILE: dict[str, Any] = yaml.safe_load(TEXT)
SERVICES: dict[str, dict[str, Any]] = FILE["services"]
OURS = {name: service for name, service in SERVICES.items() if service["image"] == "mlapi"}
SECRETS = {
    "POSTGRES_PASSWORD",
    "REDIS_PASSWORD",
    "DJANGO_SECRET_KEY",
    "DJANGO_ALLOWED_HOSTS",
    "MLAPI_METRICS_TOKEN",
    "MLAPI_FLOWER_PASSWORD",
}
GIVEN = dict.fromkeys(SECRETS, "given")


def interpolated(text: str, given: dict[str, str]) -> str:
    """Compose's own rule for ${NAME:?message} and ${NAME:-default}."""

    def value(found: re.Match[str]) -> str:
        name, mark, rest = found.groups()
        if given.get(name):
            return given[name]
        if mark == ":?":
            raise LookupError(rest)
        return str(rest)

    return re.sub(r"\$\{(\w+)(:[?-])([^}]*)\}", value, text)


def environment_of(name: str, given: dict[str, str]) -> dict[str, str]:
    """As its container gets it: compose reads the file first and fills in values afterwards."""
    environment = SERVICES[name]["environment"]
    return {key: interpolated(str(value), given) for key, value in environment.items()}
