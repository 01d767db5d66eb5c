"""What the registry's commands take: texts, MODEL:VERSION, and the options of a conversion."""

from argparse import ArgumentTypeError
from dataclasses import dataclass
from typing import cast

from modelregistry.conversion.options import LADDER, Options, Precision
from modelregistry.errors import UnknownVersion
from modelregistry.models.names import LONGEST_TEXT


@dataclass(frozen=True, slots=True)
class VersionReference:
    model: str
    number: int | None

    def required_number(self) -> int:
        """Raises UnknownVersion where none was named."""
        if self.number is None:
            raise UnknownVersion(f"Name the version: {self.model}:1, for example.")
        return self.number


def text(word: str) -> str:
    """What a database keeps; Python holds bytes that are no UTF-8 as half characters."""
    try:
        word.encode()
    except UnicodeEncodeError:
        raise ArgumentTypeError("the text is not UTF-8") from None
    if "\0" in word:
        raise ArgumentTypeError("the text holds a NUL character")
    if len(word) > LONGEST_TEXT:
        raise ArgumentTypeError(f"the text may have {LONGEST_TEXT:,} characters at most")
    return word


def version_reference(word: str) -> VersionReference:
    """MODEL or MODEL:VERSION."""
    model, colon, number = text(word).partition(":")
    if colon and not (number.isascii() and number.isdigit() and len(number) <= 9):
        raise ArgumentTypeError(f"{number!r} is no version number; write MODEL:VERSION")
    return VersionReference(model, int(number) if colon else None)


def conversion_options(dtypes: str | None, opset: int | None) -> Options | None:
    """What --dtypes and --opset ask for; None where neither is given. Raises ValueError."""
    if dtypes is None and opset is None:
        return None
    words = tuple(word.strip().upper() for word in dtypes.split(",")) if dtypes else LADDER
    return Options(dtypes=cast("tuple[Precision, ...]", words), opset=opset)
