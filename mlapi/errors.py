"""What can be wrong with keys and with signing in. Facts only; mlapi/problems.py gives a status.

AccessError
├── KeyRefused       no key can be made with these facts; names which of them
├── TooManyFailures  of late, of who asks or with what they try; carries when to come back
├── TooManyKeys      its owner has as many keys in use as anybody may
└── UnknownKey       the caller has no key of this id
"""

from math import ceil


class AccessError(Exception):
    """Base of all; the message is a full sentence for the client."""


class KeyRefused(AccessError):
    def __init__(self, fact: str, why: str) -> None:
        super().__init__(why)
        self.fact = fact


class TooManyFailures(AccessError):
    def __init__(self, wait_s: float) -> None:
        self.retry_after_s = ceil(wait_s)
        super().__init__(f"Too many failed attempts. Try again in {self.retry_after_s} seconds.")


class TooManyKeys(AccessError):
    pass


class UnknownKey(AccessError):
    pass
