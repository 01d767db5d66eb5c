"""What can go wrong with an outbound request; every message is one sentence for a person.

OutboundError
├── AddressRefused    the rules forbid this URL, or where it leads
├── Unreachable       no connection, or it broke before the answer was there
├── TooSlow           no whole answer in the time allowed
├── TooLarge          more bytes than allowed, after decompression
├── TooManyRedirects
├── WrongStatus       an answer, but no 2xx
├── NotJson           an answer, but not what JSON allows
└── Closed            the client was closed meanwhile
"""

from typing import ClassVar


class OutboundError(Exception):
    """No JSON could be had. `outcome` is the word that the metrics count it under."""

    outcome: ClassVar[str] = "error"


class AddressRefused(OutboundError):
    outcome = "refused"


class Unreachable(OutboundError):
    outcome = "unreachable"


class TooSlow(OutboundError):
    outcome = "too_slow"


class TooLarge(OutboundError):
    outcome = "too_large"


class TooManyRedirects(OutboundError):
    outcome = "too_many_redirects"


class WrongStatus(OutboundError):
    outcome = "wrong_status"

    def __init__(self, host: str, status: int) -> None:
        super().__init__(f"{host} answered with status {status}.")
        self.status = status


class NotJson(OutboundError):
    outcome = "not_json"


class Closed(OutboundError):
    outcome = "closed"
