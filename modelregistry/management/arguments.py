"""What the registry's commands take: MODEL:VERSION."""

from argparse import ArgumentTypeError
from dataclasses import dataclass

from modelregistry.errors import UnknownVersion


@dataclass(frozen=True, slots=True)
class VersionReference:
    model: str
    number: int | None

    def required_number(self) -> int:
        """Raises UnknownVersion where none was named."""
        if self.number is None:
            raise UnknownVersion(f"Name the version: {self.model}:1, for example.")
        return self.number


def version_reference(text: str) -> VersionReference:
    """MODEL or MODEL:VERSION."""
    model, colon, number = text.partition(":")
    if colon and not (number.isascii() and number.isdigit() and len(number) <= 9):
        raise ArgumentTypeError(f"{number!r} is no version number; write MODEL:VERSION")
    return VersionReference(model, int(number) if colon else None)
