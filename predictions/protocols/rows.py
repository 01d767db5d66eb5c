"""What every protocol reads a request into: rows that are right for the model, ready to batch."""

from typing import Any

import msgspec


class RequestRows(msgspec.Struct, frozen=True, gc=False):
    """Validated rows by input tensor, one entry a row, and how many there are."""

    inputs: dict[str, list[Any]]
    count: int


def predictions_of(rows: list[Any]) -> list[Any]:
    """One value a row of the first output: a regressor's [[v], ...] is [v, ...]."""
    if type(rows[0]) is list and len(rows[0]) == 1:
        return [row[0] for row in rows]
    return rows
