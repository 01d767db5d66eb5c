"""The states of a job and the legal moves between them. Pure.

queued → running → succeeded, failed, cancelled; running → queued when its worker was lost, → dead
when that has happened too often; queued → cancelled. What is terminal stays as it is.
"""

from typing import Final

QUEUED: Final = "queued"
RUNNING: Final = "running"
SUCCEEDED: Final = "succeeded"
FAILED: Final = "failed"
CANCELLED: Final = "cancelled"
DEAD: Final = "dead"

MOVES: Final[dict[str, frozenset[str]]] = {
    QUEUED: frozenset({RUNNING, CANCELLED}),
    RUNNING: frozenset({SUCCEEDED, FAILED, CANCELLED, QUEUED, DEAD}),
    SUCCEEDED: frozenset(),
    FAILED: frozenset(),
    CANCELLED: frozenset(),
    DEAD: frozenset(),
}
STATES: Final = tuple(MOVES)
TERMINAL: Final = tuple(state for state, ways_out in MOVES.items() if not ways_out)


def is_legal(before: str, after: str) -> bool:
    return after in MOVES[before]
