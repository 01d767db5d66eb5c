"""Errors of measuring. Pure; the message is one line for a person.

MeasureError
├── Unreachable      nobody answers at the address
└── UnusableBodies   the file of bodies holds none, or a line that is not JSON
"""


class MeasureError(Exception):
    """Base of all."""


class Unreachable(MeasureError):
    pass


class UnusableBodies(MeasureError):
    pass
