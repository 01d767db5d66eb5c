"""Which names a model's columns, inputs and outputs may have: those a request can spell."""

import re
from collections.abc import Iterable

from modelregistry.errors import RefusedFile

LONGEST = 200
# What JSON writes in another way than it is, so that a body could not be searched for the name;
# beside it what is no character, or breaks lines.
ESCAPED = re.compile('["\\\\\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]')


def check_names(kind: str, names: Iterable[str]) -> None:
    """Raises RefusedFile, telling the place of the first name that cannot be asked by."""
    places: dict[str, int] = {}
    for place, name in enumerate(names, start=1):
        if fault := _fault(name):
            raise RefusedFile(f"The name of {kind} {place} {fault}.")
        if name in places:
            raise RefusedFile(f"The {kind}s {places[name]} and {place} have the same name.")
        places[name] = place


def _fault(name: str) -> str:
    """What is wrong with it, if anything."""
    if not name.strip():
        return "is empty"
    if len(name) > LONGEST:
        return f"has more than {LONGEST} characters"
    if ESCAPED.search(name):
        return "has a quotation mark, a backslash or a control character in it"
    return ""
