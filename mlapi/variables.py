"""A variable of the environment: its name, its default, and how its text becomes a value."""

from collections.abc import Mapping
from dataclasses import dataclass

TRUE, FALSE = frozenset({"1", "true", "yes", "on"}), frozenset({"0", "false", "no", "off", ""})


class EnvironmentFault(Exception):
    """The environment asks for something that cannot be; the message is one line for a person."""


@dataclass(frozen=True, slots=True)
class Variable:
    name: str
    default: str
    purpose: str


def whole(text: Mapping[str, str], name: str, *, low: int, high: int) -> int:
    """The number in `name`; 0 where it is unset. Raises EnvironmentFault."""
    if not text[name]:
        return 0
    if not text[name].isascii() or not text[name].isdigit() or not low <= int(text[name]) <= high:
        raise EnvironmentFault(f"{name} must be a whole number from {low} to {high}.")
    return int(text[name])


def flag(text: Mapping[str, str], name: str) -> bool:
    """Raises EnvironmentFault."""
    word = text[name].lower()
    if word not in TRUE | FALSE:
        raise EnvironmentFault(f"{name} must be 1 or 0.")
    return word in TRUE


def listed(value: str) -> tuple[str, ...]:
    """What stands between commas."""
    return tuple(part.strip() for part in value.split(",") if part.strip())
