"""The seconds that a client gives its request: the header Request-Timeout."""

import re
from typing import Final

from predictions.errors import Malformed

LONGEST_S: Final = 86_400.0  # who waits longer may wait a day
_SECONDS = re.compile(rb"[0-9]{1,9}(?:\.[0-9]{1,9})?")


def seconds_of(header: bytes) -> float:
    """Above 0, at most LONGEST_S. Raises Malformed."""
    seconds = float(header) if _SECONDS.fullmatch(header) else 0.0
    if seconds <= 0:
        raise Malformed("Request-Timeout is a number of seconds above 0, such as 0.5.")
    return min(seconds, LONGEST_S)
