"""Values as plain JSON, as every database takes it: nan and infinity, which JSON has not, are null.

Pure.
"""

from typing import Any

import msgspec


def plain(value: object) -> Any:
    """Lists, objects, strings, numbers, booleans and null."""
    return msgspec.json.decode(msgspec.json.encode(value))
