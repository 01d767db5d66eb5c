"""What can be wrong with an API key. Facts only; mlapi/problems.py gives them a status.

AccessError
├── KeyRefused    no key can be made with these facts; names which of them
├── TooManyKeys   its owner has as many keys in use as anybody may
└── UnknownKey    the caller has no key of this id
"""


class AccessError(Exception):
    """Base of all; the message is a full sentence for the client."""


class KeyRefused(AccessError):
    def __init__(self, fact: str, why: str) -> None:
        super().__init__(why)
        self.fact = fact


class TooManyKeys(AccessError):
    pass


class UnknownKey(AccessError):
    pass
